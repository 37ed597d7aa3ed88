#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>

#include "agent/system/child.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

/// Moving what is in the way of new tables reads and writes much of a large volume.
constexpr std::chrono::hours kGrowTimeout{2};

constexpr std::chrono::milliseconds kLockPause{50};

/// Waits for whoever has it: a program that an agent which was killed has left.
Result<system::UniqueFd> lock_file(const Path& path, const system::Stop& stop) {
  TRY(system::make_folders(path.parent_path()));
  system::UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) {
    return fail(Code::broken, "open {}: {}", path.native(), std::strerror(errno));
  }
  while (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return fail(Code::broken, "lock {}: {}", path.native(), std::strerror(errno));
    }
    pollfd stopped{stop.fd(), POLLIN, 0};
    poll(&stopped, 1, static_cast<int>(kLockPause.count()));
    TRY(stop.check("wait for resize2fs, which has " + path.native()));
  }
  return fd;
}

}  // namespace

Result<> grow_file_system(const Volume& volume, const Path& lock, const system::Stop& stop) {
  if (is_bound(volume.kind)) {
    return {};
  }
  const system::UniqueFd locked = TRY(lock_file(lock, stop));
  // resize2fs insists on a check of what is not mounted.
  TRY(check_file_system(volume, Check::all, stop));
  TRY(stop.check("grow the file system of volume " + volume.name));
  system::RunOptions options;
  options.timeout = kGrowTimeout;
  // As long as it runs it has the lock, whatever becomes of the agent.
  constexpr int kLockThere = 3;
  options.child.descriptors.emplace_back(locked.get(), kLockThere);
  // One that is ended in the middle leaves what has to be mended by hand. It takes seconds.
  TRY(system::run_ok({"resize2fs", volume.path.native()}, system::Stop(), options)
          .context("grow the file system of volume " + volume.name));
  return {};
}

}  // namespace drover::runtimes
