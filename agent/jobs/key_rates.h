// KeyRates: how many jobs the keys of the allow list may send a second.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "agent/core/allow_list.h"
#include "agent/system/clock.h"

namespace drover::jobs {

/// A key that was silent may send as many at once as it may in a second. Keys are told apart by
/// their names. Belongs to the loop's thread.
class KeyRates {
 public:
  /// The clock must outlive it.
  explicit KeyRates(system::Clock& clock) : clock_(clock) {}

  /// Counts one job of the key; or how long it has to wait until it may send one, which counts
  /// nothing.
  std::optional<std::chrono::milliseconds> take(const AllowedKey& key);

 private:
  struct Bucket {
    double jobs = 0;  ///< that it may send now
    system::Instant at{};
  };

  system::Clock& clock_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace drover::jobs
