// Requests: where a client's request goes, and what becomes of the answers.
//
// One node is asked, or several, each of which answers for itself, or for `any` one after the other
// until one takes the job. Bodies are passed on as they are, except that the id of a job for `any`
// is read, by which its node is chosen.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "messaging/dispatch/daemon/agent_links.h"
#include "messaging/dispatch/daemon/asker.h"
#include "messaging/dispatch/daemon/post.h"
#include "messaging/dispatch/ledger.h"
#include "messaging/dispatch/target.h"
#include "messaging/message.h"

namespace drover::dispatch {

/// Of several nodes one that has not answered for so long is told of as one that cannot be asked.
inline constexpr std::chrono::seconds kNodeAnswersWithin{5};
/// So many nodes are asked for a job for `any`, at most.
inline constexpr std::size_t kMostAttempts = 16;
/// Bytes of the jobs for which a node is being found, of all clients together.
inline constexpr std::size_t kMostPlacingBytes = std::size_t{64} << 20;

/// For one thread.
class Requests {
 public:
  Requests(Ledger& ledger, AgentLinks& agents, Post& post)
      : ledger_(ledger), agents_(agents), post_(post) {}

  /// A request whose kind a node knows, and which this client may ask for. The error, if there is
  /// one, is all of the answer.
  Result<> asked(const Asker& asker, const messaging::Header& header, std::string body,
                 std::string data, Moment now);
  /// A node's answer to a client.
  void answered(const std::string& node, std::uint64_t client, const messaging::Header& header,
                std::string body, std::string data);
  /// Its agent will not answer.
  void dead(const std::string& node);
  void tick(Moment now);
  /// It will hear nothing more.
  void gone(std::uint64_t client);

 private:
  using Key = std::pair<std::uint64_t, std::uint64_t>;  ///< of the client and its request
  /// A job on its way to the node that is asked now.
  struct Placing {
    Asker asker;
    messaging::Header header;
    std::string body;
    PlacementQuestion question;
    std::string node{};
    Moment began;
  };
  /// Several nodes that have not answered yet.
  struct Gathering {
    std::set<std::string> nodes;
    Moment until;
  };

  Result<> ask_one(const Asker& asker, const messaging::Header& header, const std::string& node,
                   std::string body, std::string data);
  Result<> ask_several(const Asker& asker, const messaging::Header& header, const Target& target,
                       const std::string& body, Moment now);
  Result<> place(const Asker& asker, const messaging::Header& header, std::string body, Moment now);
  Result<> try_next(Placing& placing);
  void refused(std::map<Key, Placing>::iterator placing, const Error& error);
  void forget(std::map<Key, Placing>::iterator placing);
  void tell(std::uint64_t client, std::uint64_t rq, const Error& error,
            const std::string& node = "");

  Ledger& ledger_;
  AgentLinks& agents_;
  Post& post_;
  std::map<Key, Placing> placings_;
  std::size_t placing_bytes_ = 0;
  std::map<Key, Gathering> gatherings_;
};

/// `unavailable` when the node is not known to be alive, `not_found` when it is not known at all.
Result<> check_alive(const Ledger& ledger, const std::string& node);

}  // namespace drover::dispatch
