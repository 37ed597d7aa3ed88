#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "agent/system/child.h"
#include "runtimes/volumes/file_system.h"
#include "runtimes/volumes/in_use.h"
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
    TRY(stop.check("wait for what grows a file system and has " + path.native()));
  }
  return fd;
}

/// A loop device has the size that its file had when it was set up (loop(4)).
Result<> let_loop_devices_grow(const Volume& volume) {
  const std::vector<Path> devices = TRY(loop_devices_of(volume));
  for (const Path& device : devices) {
    const system::UniqueFd fd(open(device.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid() || ioctl(fd.get(), LOOP_SET_CAPACITY, 0) != 0) {
      return fail(Code::broken, "have {} see how large {} is now: {}", device.native(),
                  volume.path.native(), std::strerror(errno));
    }
  }
  return {};
}

Result<> run_growth(const Volume& volume, const std::vector<std::string>& argv,
                    const system::UniqueFd& locked) {
  system::RunOptions options;
  options.timeout = kGrowTimeout;
  // As long as it runs it has the lock, whatever becomes of the agent.
  constexpr int kLockThere = 3;
  options.child.descriptors.emplace_back(locked.get(), kLockThere);
  // One that is ended in the middle leaves what has to be mended by hand. It takes seconds.
  TRY(system::run_ok(argv, system::Stop(), options)
          .context("grow the file system of volume " + volume.name));
  return {};
}

/// While it is mounted, and whatever is written to it meanwhile.
Result<> grow_mounted(const Volume& volume, const MountPoint& point,
                      const system::UniqueFd& locked) {
  const std::vector<std::string> argv = TRY(growing_mounted(volume, point));
  if (volume.kind == VolumeKind::image) {
    TRY(let_loop_devices_grow(volume));
  }
  return run_growth(volume, argv, locked);
}

}  // namespace

Result<> check_grows_mounted(const Volume& volume) {
  if (const std::optional<MountPoint> point = TRY(mount_of(volume))) {
    TRY(growing_mounted(volume, *point));
  }
  return {};
}

Result<> grow_file_system(const Volume& volume, const Path& lock, const system::Stop& stop) {
  if (is_bound(volume.kind)) {
    return {};
  }
  const system::UniqueFd locked = TRY(lock_file(lock, stop));
  TRY(stop.check("grow the file system of volume " + volume.name));
  if (const std::optional<MountPoint> point = TRY(mount_of(volume))) {
    return grow_mounted(volume, *point, locked);
  }
  if (TRY(is_in_use(volume))) {
    return fail(Code::unavailable,
                "grow the file system of volume {}: something on this node uses {}, which is "
                "mounted nowhere that droverd sees",
                volume.name, volume.path.native());
  }
  const std::string type = TRY(file_system_of(volume.path, stop));
  if (grows_mounted_only(type)) {
    return {};  // as soon as it is (mount_volume)
  }
  // resize2fs insists on a check of what is not mounted.
  TRY(check_file_system(volume, Check::all, stop));
  TRY(stop.check("grow the file system of volume " + volume.name));
  return run_growth(volume, {"resize2fs", volume.path.native()}, locked);
}

}  // namespace drover::runtimes
