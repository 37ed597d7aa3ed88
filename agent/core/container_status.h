// The life of a container as every runtime tells it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/json.h"

namespace drover {

enum class Status {
  creating,
  created,
  running,
  paused,
  stopping,
  stopped,
  deleting,
  gone,
  backoff,  ///< a restart is pending
  unknown,  ///< the runtime could not be asked, or its answer makes no sense
};
inline constexpr std::size_t kStatusCount = 10;

std::string_view to_string(Status status);
std::optional<Status> status_from(std::string_view name);

/// Whether a container may go from one status to the other. Every status may become `unknown` and
/// leave it again, because the runtime's live state is the truth and not what we remember.
constexpr bool is_legal(Status from, Status to) {
  using enum Status;
  if (from == to) {
    return false;
  }
  if (to == unknown || from == unknown) {
    return from != gone;
  }
  switch (from) {
    case creating:
      return to == created || to == running || to == stopped || to == deleting || to == gone;
    case created:
      return to == running || to == stopped || to == deleting || to == gone;
    case running:
      return to == paused || to == stopping || to == stopped || to == deleting || to == gone;
    case paused:
      return to == running || to == stopping || to == stopped || to == deleting || to == gone;
    case stopping:
      return to == stopped || to == running || to == deleting || to == gone;
    case stopped:
      return to == running || to == backoff || to == deleting || to == gone;
    case backoff:
      return to == running || to == stopped || to == deleting || to == gone;
    case deleting:
      return to == gone || to == stopped;
    case gone:
    case unknown:
      return false;
  }
  return false;
}

/// Exit::reason of a container whose processes were written to the disk, to be restored from there.
inline constexpr std::string_view kCheckpointed = "checkpoint";

/// How a container's first process ended.
struct Exit {
  /// 0 to 255 as a shell gives it, 128 + N for one that signal N ended; none when it cannot be
  /// known.
  std::optional<int> code;
  bool oom = false;             ///< the kernel ended it for want of memory
  std::int64_t at_unix_ms = 0;  ///< 0 when it is not known
  /// Why there is no code: "reboot", kCheckpointed; "" when nobody knows that either.
  std::string reason{};
  bool operator==(const Exit&) const = default;
};

json::Value to_json(const Exit& exit);
Exit exit_from_json(const json::Value& value);
/// "exited with 7", "killed by signal 9", "out of memory", "unknown: reboot", "ended, exit code
/// unknown".
std::string to_text(const Exit& exit);

}  // namespace drover
