// A container's log on runc and crun: conmon writes it, and is told to go on in another file.
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cstdint>
#include <string_view>

#include "agent/system/crash_point.h"
#include "agent/system/unique_fd.h"
#include "runtimes/log_parts.h"
#include "runtimes/oci/control_fifo.h"
#include "runtimes/oci/oci_runtime.h"

namespace drover::runtimes {
namespace {

constexpr const char* kNoted = "trusted.drover.noted";

constexpr std::uint64_t kPage = 4096;

/// As its resize of a terminal (oci_input.cc), conmon takes this on the FIFO "ctl" of the bundle
/// (src/ctrl.c): "2" has it open its logs anew. It makes a file beside and renames that, so nothing
/// is left out.
constexpr std::string_view kOpenLogsAnew = "2 0 0\n";

/// Whether it has not come to what it was told before.
bool is_told(const system::UniqueFd& control) {
  int unread = 0;
  return ioctl(control.get(), FIONREAD, &unread) == 0 && unread > 0;
}

/// Of a part that was set aside whose writer has taken all that it was told: whether it was told
/// nothing, by an agent that ended before it could. From when it takes the message until the next
/// part is there conmon writes nothing, and that may be long: it has the disk take the whole part
/// first (fsync). Told again meanwhile it would put one more part in the next one's place, and what
/// it had printed into that were lost. So it is told when the part has grown since the last look,
/// which is noted in it; where nothing can be noted, each time.
bool was_told_nothing(const Path& part) {
  struct stat found {};
  if (lstat(part.c_str(), &found) != 0) {
    return false;
  }
  const auto size = static_cast<std::uint64_t>(found.st_size);
  std::uint64_t before = 0;
  if (lgetxattr(part.c_str(), kNoted, &before, sizeof before) == sizeof before) {
    return size > before;
  }
  return lsetxattr(part.c_str(), kNoted, &size, sizeof size, 0) != 0;
}

}  // namespace

MonitorLog OciRuntime::monitor_log(const ContainerSpec& spec) const {
  return {most_log_bytes(spec), !spec.log.driver.empty()};
}

std::uint64_t OciRuntime::most_log_bytes(const ContainerSpec& spec) const {
  const LogBounds bounds = bounds_of(spec.log, options_.log);
  return bounds.file_bytes * bounds.files + options_.log_ahead_bytes;
}

Result<> OciRuntime::turn_log(const Container& container) {
  const LogBounds bounds = bounds_of(container.spec.log, options_.log);
  const Path log = layout_.log(container.name);
  const Path aside = older_part(log);
  struct stat found {};
  const bool is_begun = lstat(log.c_str(), &found) == 0;
  if (is_begun ? static_cast<std::uint64_t>(found.st_size) <= bounds.file_bytes
               : lstat(aside.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) {
    return {};
  }
  const auto size = static_cast<std::uint64_t>(found.st_size);
  const bool is_stopped = size >= most_log_bytes(container.spec) &&
                          monitor_.bound_of_files(container.name).value_or(size + 1) <= size;
  if (is_begun) {
    TRY(set_aside_full_log(log, bounds));
    system::crash_point("log set aside before its monitor is told");
    // The next part would be read as the rest of its last record.
    TRY(is_stopped ? end_torn_record(aside) : Result<>());
  }
  const system::UniqueFd control = TRY(open_control(layout_.bundle(container.name)));
  if (!control.valid() || is_told(control)) {
    return {};
  }
  if (!is_begun && !was_told_nothing(aside)) {
    // It cannot grow any more, by which it would be seen that it was told nothing.
    return is_stopped
               ? monitor_.bound_files(container.name, size + options_.log_ahead_bytes + kPage)
               : Result<>();
  }
  // What it writes until it takes the message is no sign that it has got none.
  lremovexattr(aside.c_str(), kNoted);
  TRY(system::write_all(control.get(), kOpenLogsAnew));
  return is_stopped ? fail(Code::unavailable,
                           "it was full before droverd looked at it, and what was printed from "
                           "then on until now is not in it")
                    : Result<>();
}

}  // namespace drover::runtimes
