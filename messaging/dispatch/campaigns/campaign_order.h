// CampaignOrder: a batch as somebody has ordered it, with its jobs. It never changes, and is kept
// as one text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "messaging/dispatch/batch_order.h"
#include "messaging/dispatch/job_needs.h"

namespace drover::dispatch {

/// Bytes of an order's text.
inline constexpr std::size_t kMostCampaignBytes = std::size_t{15} << 20;

struct CampaignOrder {
  BatchOrder batch;
  std::vector<std::string> bodies{};  ///< of job.submit, an item each, in order
  std::vector<JobNeeds> needs{};      ///< an item each, or one for all
  /// Whose key ordered it, "" for root of the dispatcher's machine, and the highest role of that
  /// key there: its jobs are sent as this one's.
  std::string by{};
  std::string role{};
  std::int64_t ordered_at_unix_ms = 0;

  const JobNeeds& needs_of(std::size_t item) const {
    return needs.size() == 1 ? needs.front() : needs[item];
  }
  /// The same was ordered by the same one, whenever.
  bool is_same(const CampaignOrder& other) const {
    return by == other.by && batch == other.batch && bodies == other.bodies && needs == other.needs;
  }
};

/// Reads {"order":BatchOrder,"jobs":[BODY],"needs":[NEEDS] or NEEDS}. `invalid` with every fault of
/// its first part that has one. Of a job only its id is looked at.
Result<CampaignOrder> read_campaign_order(const json::Value& body);

/// As it is kept. `broken` for what is no such text.
std::string write_campaign_order(const CampaignOrder& order);
Result<CampaignOrder> read_kept_order(const std::string& id, std::string_view text);

}  // namespace drover::dispatch
