// What clients see of batches.
#include <algorithm>
#include <utility>

#include "messaging/dispatch/campaigns/campaign.h"

namespace drover::dispatch {
namespace {

/// As of queries at a node: an answer that would be larger ends sooner.
constexpr std::size_t kMostAnswer = std::size_t{200} << 10;
/// The members around an item's texts.
constexpr std::size_t kAroundItem = 60;
constexpr std::size_t kMostListed = 400;

}  // namespace

json::Value Campaigns::list() const {
  std::vector<const Campaign*> all;
  for (const auto& [id, campaign] : campaigns_) {
    all.push_back(campaign.get());
  }
  std::sort(all.begin(), all.end(), [](const Campaign* left, const Campaign* right) {
    return left->order.ordered_at_unix_ms > right->order.ordered_at_unix_ms;
  });
  json::Array batches;
  for (const Campaign* campaign : all) {
    if (batches.size() == kMostListed) {
      break;
    }
    json::Object object = campaign->answer();
    object.erase("failures");
    batches.emplace_back(std::move(object));
  }
  json::Array others;
  for (const auto& [id, dispatcher] : elsewhere_) {
    if (others.size() == kMostListed) {
      break;
    }
    others.emplace_back(json::Object{{"batch", id}, {"dispatcher", dispatcher}});
  }
  return json::Object{{"whole", batches.size() == all.size() && others.size() == elsewhere_.size()},
                      {"batches", std::move(batches)},
                      {"elsewhere", std::move(others)}};
}

Result<json::Value> Campaigns::show(const std::string& id, const std::string& after) const {
  const Campaign* const found = find(id);
  if (found == nullptr) {
    return Failure(why_none(id));
  }
  const Campaign& campaign = *found;
  const Batch& batch = campaign.batch;
  std::size_t begin = 0;
  if (!after.empty()) {
    const std::optional<std::size_t> before = batch.find(after);
    if (!before) {
      return fail(Code::not_found, "batch {}: it has no job {}", id, after);
    }
    begin = *before + 1;
  }
  json::Object answer = campaign.answer();
  std::size_t bytes = json::write(answer).size();
  json::Array items;
  std::size_t next = begin;
  for (; next < campaign.order.batch.items.size() && bytes < kMostAnswer; ++next) {
    const BatchItem item = batch.placed_item(next);
    const std::string message = batch.message_of(next);
    bytes += item.job.size() + item.node.size() + message.size() + kAroundItem;
    items.emplace_back(json::Object{{"job", item.job},
                                    {"node", item.node},
                                    {"state", to_string(batch.state_of(next))},
                                    {"message", message}});
  }
  return json::Value(json::Object{{"batch", std::move(answer)},
                                  {"items", std::move(items)},
                                  {"whole", next == campaign.order.batch.items.size()}});
}

}  // namespace drover::dispatch
