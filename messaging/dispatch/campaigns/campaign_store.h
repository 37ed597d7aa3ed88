// CampaignStore: where batches are kept, so that they outlive the dispatcher that drives them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/core/result.h"
#include "messaging/dispatch/campaigns/progress_pieces.h"

namespace drover::dispatch {

struct StoredCampaign {
  std::string id;
  std::string order;  ///< write_campaign_order
  Pieces progress{};
};

/// What is this dispatcher's to drive, and has not been given before.
struct TakenCampaigns {
  /// All that was its own is so no more: its claim had ended.
  bool afresh = false;
  std::vector<StoredCampaign> campaigns{};
  /// Those of others: by id the dispatcher that drives them.
  std::map<std::string, std::string> elsewhere{};
};

/// All but `holds` belongs to one thread, and may wait. `unavailable` and `timed_out` say: the same
/// again, later. `conflict` of a write says that another dispatcher drives it now.
class CampaignStore {
 public:
  virtual ~CampaignStore() = default;

  /// As this dispatcher's own; success also when that was done before. `conflict` when there is one
  /// of that id, `unavailable` when another dispatcher has it.
  virtual Result<> create(const StoredCampaign& campaign) = 0;
  /// All of these pieces or none; what returned is on the disk.
  virtual Result<> write(const std::string& id, const Pieces& changed) = 0;
  virtual Result<> remove(const std::string& id) = 0;
  /// To be asked every second or two: it also says that this dispatcher lives.
  virtual Result<TakenCampaigns> take() = 0;
  /// Nobody else drives what is this dispatcher's, now. On any thread; ask before each act.
  virtual bool holds() const = 0;
};

/// What is to be done where the store may be waited for; what it returns is to be done on the
/// loop's thread.
using StoreWork = std::function<std::function<void()>(CampaignStore&)>;

}  // namespace drover::dispatch
