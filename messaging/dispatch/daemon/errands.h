// Errands: what the dispatcher does by itself once it was ordered: batches and drains.
//
// What these send goes to the nodes as a client's requests do, with a client's number that is the
// dispatcher's own, in the name and with the role of whoever gave the order.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "agent/core/json.h"
#include "agent/core/key_role.h"
#include "agent/system/clock.h"
#include "agent/system/stop.h"
#include "messaging/dispatch/campaigns/campaign_store.h"
#include "messaging/dispatch/campaigns/campaigns.h"
#include "messaging/dispatch/campaigns/drains.h"
#include "messaging/dispatch/campaigns/store_thread.h"
#include "messaging/dispatch/daemon/agent_links.h"
#include "messaging/dispatch/daemon/asker.h"
#include "messaging/dispatch/daemon/post.h"
#include "messaging/dispatch/ledger.h"
#include "messaging/message.h"

namespace drover::dispatch {

/// The role that a client needs to order or to see it; none for a kind that is no errand.
std::optional<KeyRole> role_for_errand(std::string_view kind);

/// For one thread, which watches `fd` and calls `deliver`.
class Errands {
 public:
  struct Around {
    std::string dispatcher;    ///< its name
    std::uint64_t own_client;  ///< its number as a client
    system::Clock& clock;
    Ledger& ledger;
    AgentLinks& agents;
    Post& post;
  };
  Errands(Around around, std::unique_ptr<CampaignStore> store);

  /// A request of a kind that has a role here. It is answered, now or when it was written down.
  void asked(const Asker& asker, const messaging::Header& header, const json::Value& body);
  /// A node's answer to the dispatcher as a client.
  void answered(const std::string& node, const messaging::Header& header, const std::string& body);
  /// An event of that node.
  void heard(const std::string& node, const json::Value& event);
  void node_changed(const NodeChange& change) { campaigns_.node_changed(change); }
  void tick();

  int fd() const { return thread_.fd(); }
  void deliver() { thread_.deliver(); }

 private:
  enum class Asked { batch_job, drain_job, state, container, nothing };
  struct Pending {
    Asked asked;
    std::string node;
    std::string object;  ///< the job's id, the container's name
    system::Instant since;
  };

  CampaignPorts campaign_ports();
  DrainPorts drain_ports();
  void send(Asked asked, const std::string& node, const std::string& object, std::string_view kind,
            std::string body, std::string_view by, std::string_view role);
  void take_answer(const Pending& pending, const messaging::Header& header,
                   const json::Value& body);
  Result<std::string> place(const PlacementQuestion& question) const;
  void tell(std::string_view kind, std::string_view object, std::string_view what,
            const json::Value& data);

  Around around_;
  std::unique_ptr<CampaignStore> store_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, Pending> pending_;  ///< by the number of the request
  StoreThread thread_;
  Campaigns campaigns_;
  Drains drains_;
};

}  // namespace drover::dispatch
