#include "runtimes/guest/exit_status.h"

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cstdint>

namespace drover::runtimes {
namespace {

/// struct pidfd_info of linux/pidfd.h, which Debian's headers do not have yet.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup;
  std::uint32_t ids[11];
  std::int32_t exit_status;
};
static_assert(sizeof(PidfdInfo) == 64);

constexpr std::uint64_t kExit = 1U << 3;

}  // namespace

std::optional<int> exit_code_of(int pidfd) {
  PidfdInfo info{};
  info.mask = kExit;
  if (ioctl(pidfd, _IOWR(0xFF, 11, PidfdInfo), &info) != 0 || (info.mask & kExit) == 0) {
    return std::nullopt;
  }
  if (WIFSIGNALED(info.exit_status)) {
    return 128 + WTERMSIG(info.exit_status);
  }
  return WEXITSTATUS(info.exit_status);
}

}  // namespace drover::runtimes
