#include "runtimes/oci/control_fifo.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

namespace drover::runtimes {

Result<system::UniqueFd> open_control(const system::Path& bundle) {
  const system::Path control = bundle / "ctl";
  system::UniqueFd out(::open(control.c_str(), O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!out.valid() && errno != ENXIO && errno != ENOENT) {
    return fail(Code::broken, "open {}: {}", control.native(), std::strerror(errno));
  }
  return out;
}

}  // namespace drover::runtimes
