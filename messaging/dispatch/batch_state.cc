// How far a batch came, as it is written down for whoever takes it over.
#include <algorithm>
#include <utility>

#include "messaging/dispatch/batch.h"

namespace drover::dispatch {
namespace {

constexpr std::int64_t kStateVersion = 1;
constexpr std::int64_t kLatest = std::int64_t{1} << 53;  // unix ms, so that sums do not overflow
/// A letter for each ItemState.
constexpr std::string_view kLetters = "wsaoflx";
constexpr std::array<std::string_view, 3> kStops = {"none", "failures", "aborted"};
constexpr std::array<BatchPhase, 4> kPhases = {BatchPhase::canary, BatchPhase::canary_wait,
                                               BatchPhase::rolling, BatchPhase::ended};

json::Object by_job(const BatchOrder& order, const std::map<std::size_t, std::string>& texts) {
  json::Object object;
  for (const auto& [item, text] : texts) {
    object.append(order.items[item].job, text);
  }
  return object;
}

Failure no_state(const BatchOrder& order, std::string_view what) {
  return fail(Code::broken, "take batch {} over: what was written of it is no state of it: {}",
              order.id, what);
}

}  // namespace

json::Value Batch::state() const {
  std::string letters;
  for (const ItemState state : states_) {
    letters += kLetters[static_cast<std::size_t>(state)];
  }
  return json::Object{
      {"v", kStateVersion},
      {"batch", order_.id},
      {"phase", to_string(phase_)},
      {"stop", kStops[static_cast<std::size_t>(stop_)]},
      {"paused", paused_},
      {"canary_ended_at", canary_ended_at_ ? json::Value(*canary_ended_at_) : json::Value()},
      {"items", std::move(letters)},
      {"nodes", by_job(order_, nodes_)},
      {"messages", by_job(order_, messages_)}};
}

Result<Batch> Batch::restore(BatchOrder order, const json::Value& state) {
  Batch batch(std::move(order));
  const BatchOrder& its = batch.order_;
  if (state.at("v").integer_or(0) != kStateVersion) {
    return no_state(its, fmt::format("\"v\" is not {}", kStateVersion));
  }
  if (state.at("batch").string_or("") != its.id) {
    return no_state(its, "it is of another batch");
  }
  const std::string_view letters = state.at("items").string_or("");
  if (letters.size() != batch.states_.size()) {
    return no_state(its, "it has another number of items");
  }
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const std::size_t found = kLetters.find(letters[i]);
    if (found == std::string_view::npos) {
      return no_state(its, "an item is in a state that there is not");
    }
    batch.set_state(i, static_cast<ItemState>(found));
  }
  batch.next_ = std::min(letters.find('w'), letters.size());
  if (letters.find_first_not_of('w', batch.next_) != std::string_view::npos) {
    return no_state(its, "an item began before one that stands before it");
  }
  const auto* const phase = std::find_if(kPhases.begin(), kPhases.end(), [&state](BatchPhase one) {
    return to_string(one) == state.at("phase").string_or("");
  });
  const auto* const stop = std::find(kStops.begin(), kStops.end(), state.at("stop").string_or(""));
  if (phase == kPhases.end() || stop == kStops.end()) {
    return no_state(its, "it is in a phase that there is not");
  }
  batch.phase_ = *phase;
  batch.stop_ = static_cast<BatchStop>(stop - kStops.begin());
  batch.paused_ = state.at("paused").boolean_or(false);
  if (const std::int64_t* ended = state.at("canary_ended_at").integer()) {
    batch.canary_ended_at_ = *ended;
  }
  const bool waits = batch.phase_ == BatchPhase::canary_wait;
  const std::int64_t ended_at = batch.canary_ended_at_.value_or(0);
  if (waits != batch.canary_ended_at_.has_value() || ended_at < 0 || ended_at > kLatest) {
    return no_state(its, "when its canary ended does not go with its phase");
  }
  const auto read = [&batch](const json::Value& value, std::map<std::size_t, std::string>& texts) {
    if (value.object() == nullptr) {
      return false;
    }
    for (const auto& [job, text] : *value.object()) {
      const auto found = batch.index_.find(job);
      if (found == batch.index_.end() || text.string() == nullptr) {
        return false;
      }
      texts.emplace(found->second, *text.string());
    }
    return true;
  };
  if (!read(state.at("nodes"), batch.nodes_) || !read(state.at("messages"), batch.messages_)) {
    return no_state(its, "it tells of a job that is none of its items");
  }
  return batch;
}

}  // namespace drover::dispatch
