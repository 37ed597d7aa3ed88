// ProcessLimits: what each process of a container may use by itself (getrlimit(2)).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>

#include "agent/core/fields.h"

namespace drover {

struct ProcessLimit {
  /// In JSON "unlimited".
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;  ///< the soft one may be raised up to here
  bool operator==(const ProcessLimit&) const = default;
};

/// In small letters without "RLIMIT_".
inline constexpr std::array<std::string_view, 16> kLimitedResources = {
    "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
    "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};

/// By the resource's name in small letters without "RLIMIT_", as "nofile".
using ProcessLimits = std::map<std::string, ProcessLimit>;

/// The member "rlimits" of a spec: {"nofile": {"soft": 1024, "hard": 4096}}.
ProcessLimits read_process_limits(Fields& spec, Faults& faults);
/// The inverse.
json::Object to_json(const ProcessLimits& limits);

}  // namespace drover
