#include "messaging/dispatch/batch.h"

#include <algorithm>
#include <utility>

#include "agent/core/utf8.h"

namespace drover::dispatch {
namespace {

constexpr std::size_t kMostMessages = 100;
constexpr std::size_t kMostMessage = 256;

bool is_end(ItemState state) {
  return state == ItemState::succeeded || state == ItemState::failed || state == ItemState::skipped;
}

}  // namespace

Batch::Batch(BatchOrder order)
    : order_(std::move(order)),
      states_(order_.items.size(), ItemState::waiting),
      phase_(order_.canary.items == 0 ? BatchPhase::rolling : BatchPhase::canary) {
  counts_[static_cast<std::size_t>(ItemState::waiting)] = states_.size();
  for (std::size_t i = 0; i < order_.items.size(); ++i) {
    index_.emplace(order_.items[i].job, i);
  }
}

void Batch::set_state(std::size_t item, ItemState state) {
  --counts_[static_cast<std::size_t>(states_[item])];
  ++counts_[static_cast<std::size_t>(state)];
  states_[item] = state;
}

bool Batch::is_in_flight(std::size_t item) const {
  return states_[item] == ItemState::sent || states_[item] == ItemState::accepted;
}

std::string Batch::message_of(std::size_t item) const {
  const auto found = messages_.find(item);
  return found == messages_.end() ? "" : found->second;
}

std::optional<std::size_t> Batch::find(std::string_view job) const {
  const auto found = index_.find(std::string(job));
  return found == index_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::size_t> Batch::open_item(std::string_view job) const {
  const std::optional<std::size_t> item = find(job);
  const bool open = item && states_[*item] != ItemState::waiting && !is_end(states_[*item]);
  return open ? item : std::nullopt;
}

BatchItem Batch::placed_item(std::size_t item) const {
  BatchItem placed = order_.items[item];
  if (const auto node = nodes_.find(item); node != nodes_.end()) {
    placed.node = node->second;
  }
  return placed;
}

std::vector<BatchItem> Batch::start_next(std::int64_t now_unix_ms) {
  settle(now_unix_ms);
  std::vector<BatchItem> begun;
  const bool canary = phase_ == BatchPhase::canary;
  if (paused_ || stop_ != BatchStop::none || (!canary && phase_ != BatchPhase::rolling)) {
    return begun;
  }
  const std::size_t end = canary ? canary_items() : states_.size();
  while (next_ < end && count(ItemState::sent) + count(ItemState::accepted) < order_.concurrency) {
    set_state(next_, ItemState::sent);
    begun.push_back(order_.items[next_]);
    ++next_;
  }
  return begun;
}

std::optional<std::int64_t> Batch::goes_on_at_unix_ms() const {
  if (phase_ != BatchPhase::canary_wait || paused_ || stop_ != BatchStop::none ||
      !order_.canary.wait_s) {
    return std::nullopt;
  }
  return *canary_ended_at_ + *order_.canary.wait_s * 1000;
}

std::vector<BatchItem> Batch::in_flight() const {
  std::vector<BatchItem> items;
  for (std::size_t i = 0; i < next_; ++i) {
    if (is_in_flight(i)) {
      items.push_back(placed_item(i));
    }
  }
  return items;
}

std::vector<BatchItem> Batch::items_in(ItemState state) const {
  std::vector<BatchItem> items;
  for (std::size_t i = 0; count(state) != 0 && i < states_.size(); ++i) {
    if (states_[i] == state) {
      items.push_back(placed_item(i));
    }
  }
  return items;
}

void Batch::placed(std::string_view job, std::string_view node) {
  const std::optional<std::size_t> item = open_item(job);
  if (!item || states_[*item] != ItemState::sent || !order_.items[*item].node.empty()) {
    return;
  }
  if (node.empty()) {
    nodes_.erase(*item);
  } else {
    nodes_[*item] = node;
  }
}

void Batch::accepted(std::string_view job, std::string_view node) {
  const std::optional<std::size_t> item = open_item(job);
  if (!item) {
    return;
  }
  set_state(*item, ItemState::accepted);
  messages_.erase(*item);
  if (order_.items[*item].node.empty()) {
    nodes_[*item] = node;
  }
}

void Batch::succeeded(std::string_view job, std::int64_t now_unix_ms) {
  if (const std::optional<std::size_t> item = open_item(job)) {
    set_state(*item, ItemState::succeeded);
    messages_.erase(*item);
    settle(now_unix_ms);
  }
}

void Batch::failed(std::string_view job, std::string_view message, std::int64_t now_unix_ms) {
  if (const std::optional<std::size_t> item = open_item(job)) {
    set_state(*item, ItemState::failed);
    if (messages_.size() < kMostMessages || messages_.contains(*item)) {
      messages_[*item] = repair_utf8(message.substr(0, kMostMessage));
    }
    settle(now_unix_ms);
  }
}

void Batch::lose(std::size_t item, std::string_view node) {
  set_state(item, ItemState::lost);
  if (messages_.size() < kMostMessages) {
    messages_[item] = fmt::format("node {} was lost; how the job ended is not known", node);
  }
}

void Batch::lost(std::string_view job, std::int64_t now_unix_ms) {
  if (const std::optional<std::size_t> item = open_item(job); item && is_in_flight(*item)) {
    lose(*item, placed_item(*item).node);
    settle(now_unix_ms);
  }
}

void Batch::node_lost(std::string_view node, std::int64_t now_unix_ms) {
  for (std::size_t i = 0; i < next_; ++i) {
    if (is_in_flight(i) && placed_item(i).node == node) {
      lose(i, node);
    }
  }
  settle(now_unix_ms);
}

std::size_t Batch::canary_items() const {
  return std::min(order_.canary.items, states_.size());
}

bool Batch::any_canary_failed() const {
  const auto end = states_.begin() + static_cast<std::ptrdiff_t>(canary_items());
  return std::any_of(states_.begin(), end, [](ItemState state) {
    return state == ItemState::failed || state == ItemState::lost;
  });
}

void Batch::settle_canary(std::int64_t now_unix_ms) {
  if (phase_ == BatchPhase::canary) {
    if (any_canary_failed()) {
      stop_ = BatchStop::failures;
    } else if (count(ItemState::succeeded) == canary_items()) {
      phase_ = BatchPhase::canary_wait;
      canary_ended_at_ = now_unix_ms;
    }
  }
  if (phase_ != BatchPhase::canary_wait) {
    return;
  }
  canary_ended_at_ = std::min(*canary_ended_at_, now_unix_ms);
  const bool over =
      order_.canary.wait_s && now_unix_ms >= *canary_ended_at_ + *order_.canary.wait_s * 1000;
  if (over || next_ == states_.size()) {
    phase_ = BatchPhase::rolling;
    canary_ended_at_.reset();
  }
}

void Batch::settle(std::int64_t now_unix_ms) {
  if (phase_ == BatchPhase::ended) {
    return;
  }
  const std::size_t failures = count(ItemState::failed) + count(ItemState::lost);
  if (stop_ == BatchStop::none && order_.max_failures.is_over(failures, states_.size())) {
    stop_ = BatchStop::failures;
  }
  if (stop_ == BatchStop::none) {
    settle_canary(now_unix_ms);
  }
  const bool no_more = stop_ != BatchStop::none || next_ == states_.size();
  if (!no_more || count(ItemState::sent) + count(ItemState::accepted) != 0) {
    return;
  }
  phase_ = BatchPhase::ended;
  paused_ = false;
  canary_ended_at_.reset();
  for (; next_ < states_.size(); ++next_) {
    set_state(next_, ItemState::skipped);
  }
}

Result<> Batch::check_not_ended(std::string_view doing) const {
  if (phase_ == BatchPhase::ended) {
    return fail(Code::conflict, "{} batch {}: it has ended", doing, order_.id);
  }
  if (stop_ != BatchStop::none) {
    return fail(Code::conflict, "{} batch {}: {}", doing, order_.id, why());
  }
  return {};
}

Result<> Batch::pause() {
  TRY(check_not_ended("pause"));
  paused_ = true;
  return {};
}

Result<> Batch::resume() {
  TRY(check_not_ended("resume"));
  if (!paused_) {
    return fail(Code::conflict, "resume batch {}: it is not paused", order_.id);
  }
  paused_ = false;
  return {};
}

Result<> Batch::abort(std::int64_t now_unix_ms) {
  TRY(check_not_ended("abort"));
  stop_ = BatchStop::aborted;
  settle(now_unix_ms);
  return {};
}

Result<> Batch::approve() {
  TRY(check_not_ended("approve"));
  if (phase_ != BatchPhase::canary_wait) {
    return fail(Code::conflict, "approve batch {}: it waits for no approval, its phase is {}",
                order_.id, to_string(phase_));
  }
  phase_ = BatchPhase::rolling;
  canary_ended_at_.reset();
  return {};
}

}  // namespace drover::dispatch
