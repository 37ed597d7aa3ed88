#include "runtimes/volumes/in_use.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

constexpr std::chrono::milliseconds kFreePause{50};
constexpr int kMostFreePauses = 60;

/// The file that a loop device, or another block device by its name below /sys/block, is set up on;
/// "" for none.
std::string file_behind(const Path& device) {
  // The link is gone while nothing is set up on the device.
  const Result<std::string> backing = system::read_file(device / "loop" / "backing_file", 8192);
  return backing ? backing->substr(0, backing->find('\n')) : "";
}

Result<bool> has_loop_device(const Path& file) {
  std::error_code error;
  const Path wanted = std::filesystem::weakly_canonical(file, error);
  const Path devices = "/sys/block";
  for (std::filesystem::directory_iterator device(devices, error), end; !error && device != end;
       device.increment(error)) {
    if (file_behind(device->path()) == wanted.native()) {
      return true;
    }
  }
  if (error) {
    return fail(Code::broken, "list {}: {}", devices.native(), error.message());
  }
  return false;
}

/// An exclusive open of a block device fails while the kernel has it claimed (open(2), O_EXCL).
Result<bool> is_claimed(const Path& device) {
  const system::UniqueFd fd(open(device.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  if (fd.valid()) {
    return false;
  }
  if (errno == EBUSY) {
    return true;
  }
  return fail(Code::broken, "open {}: {}", device.native(), std::strerror(errno));
}

}  // namespace

Result<bool> is_in_use(const Volume& volume) {
  std::error_code error;
  if (is_bound(volume.kind) || !std::filesystem::exists(volume.path, error)) {
    return false;
  }
  return volume.kind == VolumeKind::image ? has_loop_device(volume.path) : is_claimed(volume.path);
}

Result<bool> is_mounted_at(const Volume& volume, const Path& target) {
  const std::optional<MountPoint> point = TRY(mounted_at(target));
  if (!point) {
    return false;
  }
  std::error_code error;
  switch (volume.kind) {
    case VolumeKind::image: {
      const Path device = Path("/sys/block") / Path(point->source).filename();
      return file_behind(device) == std::filesystem::weakly_canonical(volume.path, error).native();
    }
    case VolumeKind::dataset:
    case VolumeKind::folder:  // bound: the same folder by two names
      return std::filesystem::equivalent(volume.path, target, error);
    case VolumeKind::guest_disk:
      return false;  // Proxmox mounts it, inside of its guest only
    case VolumeKind::block:
      break;
  }
  struct stat one {};
  struct stat other {};
  return stat(volume.path.c_str(), &one) == 0 && stat(point->source.c_str(), &other) == 0 &&
         S_ISBLK(one.st_mode) && S_ISBLK(other.st_mode) && one.st_rdev == other.st_rdev;
}

Result<> wait_until_free(const Volume& volume, system::Clock& clock, const system::Stop& stop) {
  for (int pauses = 0; TRY(is_in_use(volume)); ++pauses) {
    if (pauses == kMostFreePauses) {
      return fail(Code::unavailable, "{} is still in use on this node", volume.path.native());
    }
    TRY(clock.sleep_for(kFreePause, stop));
  }
  return {};
}

}  // namespace drover::runtimes
