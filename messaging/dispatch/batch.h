// Batch: how far an order of many jobs has come, and which of them begin next. A state machine
// without a clock, a socket or a disk: it is told what happened and when, and says what to do.
//
// Whoever drives it writes state() down before it sends what start_next() gave: then a dispatcher
// that takes the batch over knows of every job that may have been sent, and sends those of
// in_flight() again, which by their ids are done once.
//
// Belongs to one thread. Times are unix ms, because a batch outlives the process and the machine
// that drives it; a clock that is set back makes it wait once more, and never for longer than it
// should.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "messaging/dispatch/batch_order.h"

namespace drover::dispatch {

enum class ItemState {
  waiting,   ///< has not begun
  sent,      ///< was given out by start_next
  accepted,  ///< its node has it
  succeeded,
  failed,
  lost,     ///< its node is dead: how it ended is not known, and it counts as failed until it is
  skipped,  ///< never began, because the batch ended before
};
inline constexpr std::size_t kItemStates = 7;
std::string_view to_string(ItemState state);

enum class BatchPhase { canary, canary_wait, rolling, ended };
std::string_view to_string(BatchPhase phase);

/// Why no more items begin, for good.
enum class BatchStop { none, failures, aborted };

struct BatchProgress {
  std::string id;
  BatchPhase phase = BatchPhase::rolling;
  bool paused = false;
  /// "done" (every item had its turn, and not too many failed), "failed" or "aborted"; "" until it
  /// has ended.
  std::string_view outcome;
  /// What it waits for or why it ended, in a sentence; "" while items go on.
  std::string why{};
  std::array<std::size_t, kItemStates> counts{};  ///< by ItemState
  std::optional<std::int64_t> goes_on_at_unix_ms{};
  struct Failure {
    BatchItem item;
    std::string message;
  };
  std::vector<Failure> failures{};  ///< the first ones only

  std::size_t count(ItemState state) const { return counts[static_cast<std::size_t>(state)]; }
};
json::Value to_json(const BatchProgress& progress);

class Batch {
 public:
  explicit Batch(BatchOrder order);
  /// The batch of this order as state() gave it. `broken` when it is no state of such an order.
  static Result<Batch> restore(BatchOrder order, const json::Value& state);
  /// All but the order, small: a character an item, and what only some have.
  json::Value state() const;

  /// The items to begin now, which count as sent from here on.
  std::vector<BatchItem> start_next(std::int64_t now_unix_ms);
  /// When start_next gives something without anything having happened.
  std::optional<std::int64_t> goes_on_at_unix_ms() const;
  /// What was sent or accepted and has not ended, in order.
  std::vector<BatchItem> in_flight() const;
  /// Those in that state, in order, with their nodes.
  std::vector<BatchItem> items_in(ItemState state) const;
  /// The item of that job; none that is not of the order.
  std::optional<std::size_t> find(std::string_view job) const;
  /// With its node, also one that it was placed on.
  BatchItem placed_item(std::size_t item) const;

  /// Where an item without a node of its own is sent: written down before, it is sent nowhere else
  /// by whoever takes over. "" once that node has refused it. Of no other items.
  void placed(std::string_view job, std::string_view node);

  // What happened. A job that the order has not, and what is known already, change nothing; nor
  // does what comes late for an item that ended, unless it was lost.
  void accepted(std::string_view job, std::string_view node);
  void succeeded(std::string_view job, std::int64_t now_unix_ms);
  void failed(std::string_view job, std::string_view message, std::int64_t now_unix_ms);
  /// Its node is dead, and may have it.
  void lost(std::string_view job, std::int64_t now_unix_ms);
  /// Of the items that are known to be on that node.
  void node_lost(std::string_view node, std::int64_t now_unix_ms);

  // What somebody wants. `conflict`, with why, when the batch is not in a state for it.
  /// No more begins until resume; what goes on goes on.
  Result<> pause();
  Result<> resume();
  /// No more begins at all; the caller cancels what in_flight() has, if that is wanted.
  Result<> abort(std::int64_t now_unix_ms);
  /// Ends the wait after the canary.
  Result<> approve();

  BatchProgress progress() const;
  const BatchOrder& order() const { return order_; }
  BatchPhase phase() const { return phase_; }
  BatchStop stop() const { return stop_; }
  ItemState state_of(std::size_t item) const { return states_.at(item); }
  /// Why it failed or was lost; "" otherwise, and of all but the first hundred.
  std::string message_of(std::size_t item) const;

 private:
  std::size_t count(ItemState state) const { return counts_[static_cast<std::size_t>(state)]; }
  void set_state(std::size_t item, ItemState state);
  void lose(std::size_t item, std::string_view node);
  bool is_in_flight(std::size_t item) const;
  /// The item of that job, when what is told of it can still change something.
  std::optional<std::size_t> open_item(std::string_view job) const;
  std::size_t canary_items() const;
  bool any_canary_failed() const;
  void settle(std::int64_t now_unix_ms);
  void settle_canary(std::int64_t now_unix_ms);
  Result<> check_not_ended(std::string_view doing) const;
  std::string why() const;

  BatchOrder order_;
  std::unordered_map<std::string, std::size_t> index_;  ///< of the items, by job
  std::vector<ItemState> states_;
  std::array<std::size_t, kItemStates> counts_{};
  std::size_t next_ = 0;  ///< the first item that waits: those that wait are always the last ones
  std::map<std::size_t, std::string> nodes_{};     ///< of items that the order has no node for
  std::map<std::size_t, std::string> messages_{};  ///< of the first failures
  BatchPhase phase_;
  BatchStop stop_ = BatchStop::none;
  bool paused_ = false;
  std::optional<std::int64_t> canary_ended_at_{};  ///< unix ms, while in canary_wait
};

}  // namespace drover::dispatch
