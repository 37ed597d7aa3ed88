#include "runtimes/volumes/in_use.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace drover::runtimes {
namespace {

constexpr std::chrono::milliseconds kFreePause{50};
constexpr int kMostFreePauses = 60;

Result<bool> has_loop_device(const Path& file) {
  std::error_code error;
  const Path wanted = std::filesystem::weakly_canonical(file, error);
  const Path devices = "/sys/block";
  for (std::filesystem::directory_iterator device(devices, error), end; !error && device != end;
       device.increment(error)) {
    // The link is gone while nothing is set up on the device.
    const Result<std::string> backing =
        system::read_file(device->path() / "loop" / "backing_file", 8192);
    if (backing && backing->substr(0, backing->find('\n')) == wanted.native()) {
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
  if (volume.kind == VolumeKind::folder || !std::filesystem::exists(volume.path, error)) {
    return false;
  }
  return volume.kind == VolumeKind::image ? has_loop_device(volume.path) : is_claimed(volume.path);
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
