// Denials: which of those who are not let in are told of, so that nobody fills a log by knocking.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "agent/system/clock.h"
#include "messaging/key_denial.h"

namespace drover::messaging {

/// One a second of all, and one a minute of each key from each address; how many there were
/// besides is told with the next one. For one thread.
class Denials {
 public:
  /// What to tell of it now, or nothing.
  std::optional<KeyDenial> note(KeyDenial denial, system::Instant now);

 private:
  std::map<std::pair<std::string, std::string>, system::Instant> told_;  // in the last minute
  std::optional<system::Instant> last_;
  std::uint64_t untold_ = 0;
};

}  // namespace drover::messaging
