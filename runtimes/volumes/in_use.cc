#include "runtimes/volumes/in_use.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

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

bool is_device(const Path& one, const Path& other) {
  struct stat first {};
  struct stat second {};
  return stat(one.c_str(), &first) == 0 && stat(other.c_str(), &second) == 0 &&
         S_ISBLK(first.st_mode) && S_ISBLK(second.st_mode) && first.st_rdev == second.st_rdev;
}

/// Of an image or a block device.
bool is_source_of(const Volume& volume, const MountPoint& point) {
  if (volume.kind != VolumeKind::image) {
    return is_device(volume.path, point.source);
  }
  std::error_code error;
  const Path device = Path("/sys/block") / Path(point.source).filename();
  return point.source.starts_with("/dev/") &&
         file_behind(device) == std::filesystem::weakly_canonical(volume.path, error).native();
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

Result<std::vector<Path>> loop_devices_of(const Volume& volume) {
  std::error_code error;
  std::vector<Path> found;
  const Path wanted = std::filesystem::weakly_canonical(volume.path, error);
  const Path devices = "/sys/block";
  for (std::filesystem::directory_iterator device(devices, error), end; !error && device != end;
       device.increment(error)) {
    if (file_behind(device->path()) == wanted.native()) {
      found.push_back("/dev" / device->path().filename());
    }
  }
  if (error) {
    return fail(Code::broken, "list {}: {}", devices.native(), error.message());
  }
  return found;
}

Result<std::optional<MountPoint>> mount_of(const Volume& volume) {
  if (is_bound(volume.kind)) {
    return std::optional<MountPoint>();
  }
  std::vector<MountPoint> table = TRY(mount_table());
  const auto found = std::find_if(table.begin(), table.end(), [&volume](const MountPoint& point) {
    return is_source_of(volume, point);
  });
  return found == table.end() ? std::nullopt : std::optional(std::move(*found));
}

Result<bool> is_in_use(const Volume& volume) {
  std::error_code error;
  if (is_bound(volume.kind) || !std::filesystem::exists(volume.path, error)) {
    return false;
  }
  if (volume.kind != VolumeKind::image) {
    return is_claimed(volume.path);
  }
  const std::vector<Path> devices = TRY(loop_devices_of(volume));
  return !devices.empty();
}

Result<bool> is_mounted_at(const Volume& volume, const Path& target) {
  const std::optional<MountPoint> point = TRY(mounted_at(target));
  if (!point) {
    return false;
  }
  std::error_code error;
  switch (volume.kind) {
    case VolumeKind::dataset:
    case VolumeKind::folder:  // bound: the same folder by two names
    case VolumeKind::subvolume:
      return std::filesystem::equivalent(volume.path, target, error);
    case VolumeKind::guest_disk:
      return false;  // Proxmox mounts it, inside of its guest only
    case VolumeKind::image:
    case VolumeKind::block:
    case VolumeKind::thin:
      break;
  }
  return is_source_of(volume, *point);
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
