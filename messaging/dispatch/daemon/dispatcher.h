// Dispatcher: all that drover-dispatch does, without a socket: it is given what has come, and when.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/core/allow_list.h"
#include "messaging/dispatch/daemon/agent_links.h"
#include "messaging/dispatch/daemon/asker.h"
#include "messaging/dispatch/daemon/errands.h"
#include "messaging/dispatch/daemon/own_questions.h"
#include "messaging/dispatch/daemon/post.h"
#include "messaging/dispatch/daemon/requests.h"
#include "messaging/dispatch/ledger.h"
#include "messaging/envelope.h"
#include "messaging/message.h"

namespace drover::dispatch {

/// It keeps no truth: what it knows of the nodes their agents have told it since it began, and what
/// clients wait for they ask for again. For one thread.
class Dispatcher {
 public:
  /// `name`: its own, the first part of the topics of its own events. `own_client` is the number by
  /// which nodes know what it asks for itself. `post` and `clock` outlive it.
  Dispatcher(std::string name, std::uint64_t own_client, Post& post, system::Clock& clock);

  /// From now on it takes batches and drains. Watch the errands' fd, and deliver.
  Errands& keep(std::unique_ptr<CampaignStore> store);

  /// A client's request, whose frames are within their bounds.
  void asked(const Asker& asker, const messaging::Header& header, std::string body,
             std::string data, Moment now);
  /// A message of an agent, by the connection with that number. What may not be said is logged, and
  /// changes nothing.
  void said(std::uint64_t connection, const AllowedKey& key, const messaging::Envelope& envelope,
            const messaging::Header& header, std::string body, std::string data, Moment now);
  /// Each heartbeat (kHeartbeatEvery), when all that has come was handed over.
  void tick(Moment now);
  void client_gone(std::uint64_t client);
  void agent_gone(std::uint64_t connection) { agents_.lost(connection); }

 private:
  Result<> answer(const Asker& asker, const messaging::Header& header, std::string body,
                  std::string data, Moment now);
  void changed(const NodeChange& change);

  std::string name_;
  std::uint64_t own_client_;
  Post& post_;
  system::Clock& clock_;
  Ledger ledger_;
  Since since_;
  AgentLinks agents_;
  Requests requests_;
  std::optional<Errands> errands_;
};

}  // namespace drover::dispatch
