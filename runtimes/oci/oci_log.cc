// A container's log on runc and crun: conmon writes it, and is told to go on in another file.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "agent/system/crash_point.h"
#include "agent/system/unique_fd.h"
#include "runtimes/log_parts.h"
#include "runtimes/oci/oci_runtime.h"

namespace drover::runtimes {
namespace {

/// As its resize of a terminal, conmon takes this on the FIFO "ctl" of the bundle (src/ctrl.c): "2"
/// has it open its logs anew. It makes a file beside and renames that, so nothing is left out.
Result<> have_log_reopened(const Path& bundle) {
  const Path control = bundle / "ctl";
  const system::UniqueFd out(
      ::open(control.c_str(), O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!out.valid()) {
    // Nobody listens: it has ended, and the next one opens the log by its name.
    return errno == ENXIO || errno == ENOENT
               ? Result<>()
               : fail(Code::broken, "open {}: {}", control.native(), std::strerror(errno));
  }
  return system::write_all(out.get(), "2 0 0\n");
}

}  // namespace

Result<> OciRuntime::turn_log(const Container& container) {
  const LogBounds bounds = bounds_of(container.spec.log, options_.log);
  const Path log = layout_.log(container.name);
  struct stat found {};
  if (lstat(log.c_str(), &found) == 0) {
    if (static_cast<std::uint64_t>(found.st_size) <= bounds.file_bytes) {
      return {};
    }
    TRY(set_aside_full_log(log, bounds));
    system::crash_point("log set aside before its monitor is told");
  } else if (!part_exists(older_part(log))) {
    return {};
  }
  // Also of one that was set aside by an agent which ended before it could tell.
  return have_log_reopened(layout_.bundle(container.name));
}

}  // namespace drover::runtimes
