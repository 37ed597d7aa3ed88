// Campaigns: the batches that this dispatcher drives. It is told what happens and says what is to
// be sent, by the functions it is given; it has no socket.
//
// What is sent was written down before (CampaignStore): which items began, and on which node one
// was placed. So whoever goes on after a crash, or takes over, sends too much rather than too
// little, to the node that may have it already, which does a job once by its id.
//
// Belongs to the loop's thread, like all that calls it or is called. The functions it is given
// never call back before they return.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/system/clock.h"
#include "messaging/dispatch/campaigns/campaign_order.h"
#include "messaging/dispatch/campaigns/campaign_store.h"
#include "messaging/dispatch/ledger.h"
#include "messaging/dispatch/placement.h"

namespace drover::dispatch {

/// A job of a batch, and in whose name it goes to its node.
struct CampaignJob {
  std::string id;
  std::string node;
  const std::string& body;  ///< of job.submit, JSON
  const Capacity& needed;
  const std::string& by;    ///< "": the dispatcher's own name
  const std::string& role;  ///< the highest role of `by`
};

struct CampaignPorts {
  std::function<void(StoreWork)> in_store;
  /// Nobody else drives what is ours (CampaignStore::holds).
  std::function<bool()> holds;
  /// job.submit. What the node says comes by `heard` and `refused`; nothing at all may come.
  std::function<void(const CampaignJob&)> send;
  /// query.job: what comes of it, by `heard` or, when the node has no such job, `unknown`.
  std::function<void(const CampaignJob&)> ask;
  /// job.cancel of it.
  std::function<void(const CampaignJob&)> cancel;
  /// The node for it; an error says why there is none now.
  std::function<Result<std::string>(const PlacementQuestion&)> place;
  /// None of a node that was not heard of.
  std::function<std::optional<Liveness>(const std::string& node)> liveness;
  /// For events: what ("batch_started", "batch_ended", "batch_taken_over"), of which batch, data.
  std::function<void(std::string_view what, const std::string& batch, const json::Value& data)>
      tell;
  /// For the log: what does not work. The same again is told once.
  std::function<void(const Error&)> fault;
};

struct CampaignLimits {
  std::size_t running = 64;                   ///< batches that have not ended
  std::size_t kept = 1000;                    ///< with those that have
  std::size_t bytes = std::size_t{64} << 20;  ///< of all orders
  std::chrono::seconds keep_ended{std::chrono::hours{7 * 24}};
};

/// So long an item waits for a node that it can be placed on, or for its node to be there.
inline constexpr std::chrono::seconds kWaitForNode{60};
/// A job that its node has not answered is sent again.
inline constexpr std::chrono::seconds kSendAgain{10};
/// How a job goes on is asked again, should an event have been lost all the same.
inline constexpr std::chrono::seconds kAskAgain{60};
/// So many nodes are tried for one item.
inline constexpr std::size_t kMostNodesTried = 16;

class Campaigns {
 public:
  /// {"batch":progress}, or why not.
  using Answer = std::function<void(Result<json::Value>)>;

  Campaigns(system::Clock& clock, CampaignPorts ports, CampaignLimits limits = {});
  ~Campaigns();
  Campaigns(const Campaigns&) = delete;
  Campaigns& operator=(const Campaigns&) = delete;

  // What clients ask. What changes a batch is answered when it is written down.
  /// The same once more is answered with how far it is, and `"duplicate":true`.
  void order(CampaignOrder order, Answer answer);
  void pause(const std::string& id, const Answer& answer);
  void resume(const std::string& id, const Answer& answer);
  void approve(const std::string& id, const Answer& answer);
  /// With `cancel` also what is in flight is cancelled.
  void abort(const std::string& id, bool cancel, const Answer& answer);
  /// {"batches":[progress without failures],"elsewhere":[{"batch","dispatcher"}]}, newest first.
  json::Value list() const;
  /// {"batch","items":[{"job","node","state","message"}],"whole"}: of so many items as fit an
  /// answer, those behind the job `after` ("" for the first ones).
  Result<json::Value> show(const std::string& id, const std::string& after) const;

  // What nodes say.
  /// `state` as agent/core/job.h has it; `message` of one that failed or was cancelled.
  void heard(const std::string& node, const std::string& job, std::string_view state,
             std::string_view message);
  /// The node did not take the job.
  void refused(const std::string& node, const std::string& job, const Error& error);
  /// The node was asked for the job and has none.
  void unknown(const std::string& node, const std::string& job);
  void node_changed(const NodeChange& change);

  /// Each second.
  void tick();

 private:
  struct Flight;
  struct Campaign;

  Campaign* find(const std::string& id);
  Campaign* of_job(const std::string& job);
  const Campaign* find(const std::string& id) const;
  /// Why there is none of that id.
  Error why_none(const std::string& id) const;
  void change(const std::string& id, const Answer& answer,
              const std::function<Result<>(Campaign&)>& how);
  Result<> check_room(const CampaignOrder& order, std::size_t bytes);
  void add(const StoredCampaign& stored);
  void index(const Campaign& campaign);
  void unindex(const Campaign& campaign);
  void drop(const std::string& id);
  void forget_ended();
  void forget(const std::string& id);

  // campaigns_drive.cc
  void drive(Campaign& campaign, bool also_later = false);
  void begin_items(Campaign& campaign);
  void place(Campaign& campaign, const std::string& job, Flight& flight);
  void give_up_unsent(Campaign& campaign);
  void send_written(Campaign& campaign);
  void look_after(Campaign& campaign);
  void write(Campaign& campaign, Pieces now, Pieces changed);
  void create(Campaign& campaign, Pieces now);
  void written(const std::string& id, const Result<>& result, Pieces now,
               const std::vector<std::string>& placed, std::vector<Answer> answers);
  void in_store(std::function<std::function<void()>(CampaignStore&)> work);
  void take_when_idle();
  void taken(Result<TakenCampaigns> result);
  CampaignJob job_of(const Campaign& campaign, const std::string& job,
                     const std::string& node) const;
  void fault(const Error& error);

  system::Clock& clock_;
  const CampaignPorts ports_;
  const CampaignLimits limits_;
  std::map<std::string, std::unique_ptr<Campaign>> campaigns_;
  std::unordered_map<std::string, std::string> campaign_of_;  ///< by job, of those it matters for
  std::map<std::string, std::string> elsewhere_;
  bool ready_ = false;    ///< what is ours was read
  bool take_due_ = true;  ///< no more is written before
  bool taking_ = false;
  std::size_t in_store_ = 0;  ///< works that were given and are not done
  system::Instant taken_at_{};
  std::string last_fault_;
};

}  // namespace drover::dispatch
