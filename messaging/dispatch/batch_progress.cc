// What a batch says of itself to people.
#include <utility>

#include "messaging/dispatch/batch.h"

namespace drover::dispatch {

std::string_view to_string(ItemState state) {
  static constexpr std::array<std::string_view, kItemStates> kNames = {
      "waiting", "sent", "accepted", "succeeded", "failed", "lost", "skipped"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view to_string(BatchPhase phase) {
  static constexpr std::array<std::string_view, 4> kNames = {"canary", "canary_wait", "rolling",
                                                             "ended"};
  return kNames[static_cast<std::size_t>(phase)];
}

std::string Batch::why() const {
  const std::size_t failures = count(ItemState::failed) + count(ItemState::lost);
  if (stop_ == BatchStop::aborted) {
    return "it was aborted";
  }
  const FailureLimit& limit = order_.max_failures;
  if (stop_ == BatchStop::failures && limit.is_over(failures, states_.size())) {
    return fmt::format("{} of {} items failed; {}{} are the most", failures, states_.size(),
                       limit.most, limit.is_percent ? "%" : "");
  }
  if (stop_ == BatchStop::failures) {
    return any_canary_failed() ? "an item of its canary did not succeed"
                               : "too many of its items were lost, some of which are known again";
  }
  if (paused_) {
    return "it is paused";
  }
  if (phase_ == BatchPhase::canary_wait) {
    return order_.canary.wait_s ? "its canary succeeded; it goes on after a while, or when approved"
                                : "its canary succeeded; it goes on when approved";
  }
  return "";
}

BatchProgress Batch::progress() const {
  BatchProgress progress{order_.id, phase_, paused_, "", why(), counts_, goes_on_at_unix_ms(), {}};
  if (phase_ == BatchPhase::ended) {
    progress.outcome = stop_ == BatchStop::none       ? "done"
                       : stop_ == BatchStop::failures ? "failed"
                                                      : "aborted";
  }
  for (const auto& [item, message] : messages_) {
    progress.failures.push_back(BatchProgress::Failure{placed_item(item), message});
  }
  return progress;
}

json::Value to_json(const BatchProgress& progress) {
  json::Object counts;
  for (std::size_t i = 0; i < kItemStates; ++i) {
    counts.append(std::string(to_string(static_cast<ItemState>(i))),
                  static_cast<std::int64_t>(progress.counts[i]));
  }
  json::Array failures;
  for (const BatchProgress::Failure& failure : progress.failures) {
    failures.emplace_back(json::Object{
        {"job", failure.item.job}, {"node", failure.item.node}, {"message", failure.message}});
  }
  return json::Object{
      {"batch", progress.id},
      {"phase", to_string(progress.phase)},
      {"paused", progress.paused},
      {"outcome", progress.outcome.empty() ? json::Value() : json::Value(progress.outcome)},
      {"why", progress.why},
      {"items", std::move(counts)},
      {"goes_on_at",
       progress.goes_on_at_unix_ms ? json::Value(*progress.goes_on_at_unix_ms) : json::Value()},
      {"failures", std::move(failures)}};
}

}  // namespace drover::dispatch
