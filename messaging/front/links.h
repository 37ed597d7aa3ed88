// Links: the front's connections to dispatchers, and the clients who ask by way of them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "messaging/front/doorkeeper.h"
#include "messaging/front/job_schema.h"
#include "messaging/front/link.h"
#include "messaging/front/peers.h"
#include "messaging/front/request_form.h"
#include "messaging/front_keys.h"
#include "messaging/record.h"

namespace drover::messaging {

/// For one thread. What a dispatcher hands on is held against the allow list of this node, by the
/// name of who it is for, and is bounded as what comes from any client.
class Links {
 public:
  struct Parts {
    zmq::context_t& context;
    const Doorkeeper& doorkeeper;
    const JobSchema& schema;
    Unread::Count unread;  ///< of all that the front sends
    std::function<Result<>(const Record&)> to_core;
  };

  /// `first_peer`: as Peers has it.
  Links(Parts parts, std::uint64_t first_peer);

  /// From now on these servers, with the list that the doorkeeper has. One whose key is not allowed
  /// as a dispatcher's is not connected to, which is logged. A link that is to be no more is cut
  /// off at once, and whoever came by it and is not allowed any more hears nothing more.
  void want(const FrontKeys& keys);

  void add_to(std::vector<zmq::pollitem_t>& items);
  /// Takes what has come. Call it in each turn.
  void serve();

  /// To a client of a dispatcher. False when the number is none of theirs.
  bool answer(std::uint64_t peer, const std::string& header, const std::string& body,
              const std::string& data);
  /// To all.
  void publish(const std::string& topic, const std::string& body);
  /// "node.hello", of the member "link" alone, and "node.beat", of all.
  void tell(const Record& record);

 private:
  using Number = std::size_t;

  static std::string address_of(const DispatchServer& server);
  void close_others(const std::vector<Link::Way>& wanted);
  void open(Link::Way way, const SecretKey& secret);
  void forget_if(const std::function<bool(const Peers::Peer&)>& which);
  void note_changes(Number number, Link& link);
  void tell_core(Number number, Link& link);
  void handle(Number number, Link& link, Frames frames);
  void handle_own(Number number, Link& link, std::string_view kind);
  Result<Record> check(const Link& link, const Envelope& envelope, const Frames& frames,
                       std::uint64_t& rq) const;

  Parts parts_;
  Peers peers_;  // Address: the link's number, the dispatcher's number of its client, its name
  std::map<Number, std::unique_ptr<Link>> links_;
  Number next_ = 1;
};

}  // namespace drover::messaging
