// BatchOrder: many jobs that are begun a few at a time, as somebody asked for it. It never changes;
// how far it came is a Batch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"

namespace drover::dispatch {

inline constexpr std::size_t kMostBatchItems = 10'000;

struct BatchItem {
  std::string job;   ///< its id, of this item alone
  std::string node;  ///< "": the dispatcher places it when its turn comes

  bool operator==(const BatchItem&) const = default;
};

/// How many items may fail before no more are begun.
struct FailureLimit {
  std::int64_t most = 0;    ///< items, or of a hundred of all
  bool is_percent = false;  ///< rounded down: 10% of 15 items are one

  /// Whether so many are too many of `all`.
  bool is_over(std::size_t failures, std::size_t all) const;
  bool operator==(const FailureLimit&) const = default;
};

/// The first items are begun alone. When all of them have succeeded the batch waits; when one has
/// not, the batch has failed, whatever the limit is.
struct Canary {
  std::size_t items = 0;                 ///< 0: none
  std::optional<std::int64_t> wait_s{};  ///< then it goes on by itself; without, when approved

  bool operator==(const Canary&) const = default;
};

struct BatchOrder {
  std::string id;
  std::vector<BatchItem> items{};  ///< in the order in which they are begun
  std::size_t concurrency = 1;     ///< at once
  FailureLimit max_failures{};
  Canary canary{};

  bool operator==(const BatchOrder&) const = default;
};

/// Reads {"id","items":[{"job","node"}],"concurrency","max_failures":2 or "10%",
/// "canary":{"items","wait_s"}}. `invalid` with every fault.
Result<BatchOrder> read_batch_order(const json::Value& value);
json::Value to_json(const BatchOrder& order);

}  // namespace drover::dispatch
