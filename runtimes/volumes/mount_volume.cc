#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/system/child.h"
#include "runtimes/volumes/file_system.h"
#include "runtimes/volumes/in_use.h"
#include "runtimes/volumes/mount_table.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

constexpr std::chrono::minutes kMkfsTimeout{10};

/// blkid says the same of a device that it cannot read as of an empty one.
Result<> check_readable(const Path& path) {
  const system::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> start;
  if (!fd.valid() || read(fd.get(), start.data(), start.size()) < 0) {
    return fail(Code::broken, "read {}: {}", path.string(), std::strerror(errno));
  }
  return {};
}

/// blkid -p (blkid(8)): 0 names what is there, 2 finds nothing, 8 finds several that contradict.
Result<bool> has_file_system(const Path& path, const system::Stop& stop) {
  TRY(check_readable(path));
  const system::Output output = TRY(system::run({"blkid", "-p", path.string()}, stop));
  if (output.ending.code == 0) {
    return true;
  }
  if (output.ending.code == 2) {
    return false;
  }
  // Anything unclear might be somebody's data, and mkfs would end it.
  return fail(Code::refused, "cannot tell whether {} holds a file system: {}", path.string(),
              output.last_line());
}

Result<> make_file_system(const Volume& volume, const system::Stop& stop) {
  system::RunOptions options;
  options.child.dies_with_parent = true;
  options.timeout = kMkfsTimeout;
  TRY(system::run_ok(making_file_system(volume), stop, options)
          .context("format " + volume.path.native()));
  return {};
}

/// What mount(8) takes as -o.
std::string mount_options(const Volume& volume) {
  std::string options = "nosuid,nodev";
  if (volume.kind == VolumeKind::image) {
    // By a loop device with autoclear, so that the last unmount frees it.
    options += ",loop";
  }
  if (volume.kind == VolumeKind::thin) {
    // What is deleted in it goes back to the pool, whose room all its volumes share.
    options += ",discard";
  }
  if (volume.file_system == "xfs") {
    // A copy of a volume says it were the same one, and both may be mounted.
    options += ",nouuid";
  }
  return options;
}

/// Of a file system that nothing grows at rest: it takes what its volume has got meanwhile.
Result<> grow_to_volume(const Volume& volume, const Path& target, const system::Stop& stop) {
  const std::optional<MountPoint> point = TRY(mounted_at(target));
  if (!point || !grows_mounted_only(point->type)) {
    return {};
  }
  const std::vector<std::string> argv = TRY(growing_mounted(volume, *point));
  const Result<std::string> grown = system::run_ok(argv, stop);
  if (!grown) {
    // One that stayed mounted would not be looked at again.
    ::umount2(target.c_str(), UMOUNT_NOFOLLOW);
    return Failure(Error(grown.error()).context("grow the file system of volume " + volume.id));
  }
  return {};
}

Result<> bind_folder(const Path& source, const Path& target) {
  if (::mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    const int number = errno;
    return fail(number == ENOENT ? Code::not_found : Code::broken, "bind {} at {}: {}",
                source.string(), target.string(), std::strerror(number));
  }
  // A bind takes no other flags in its first call (mount(2)), and the second takes away those that
  // it does not name.
  struct statvfs found {};
  const bool known = ::statvfs(target.c_str(), &found) == 0;
  unsigned long flags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV;
  flags |= (found.f_flag & ST_NOEXEC) != 0 ? +MS_NOEXEC : 0;
  flags |= (found.f_flag & ST_RDONLY) != 0 ? +MS_RDONLY : 0;
  if (!known || ::mount(nullptr, target.c_str(), nullptr, flags, nullptr) != 0) {
    const int number = errno;
    ::umount2(target.c_str(), MNT_DETACH);
    return fail(Code::broken, "make {} nosuid and nodev: {}", target.string(),
                std::strerror(number));
  }
  return {};
}

}  // namespace

Result<Volume> VolumeSource::activate(const Volume& volume, const system::Stop&) {
  return volume;
}

Result<> format_volume(const Volume& volume, const system::Stop& stop) {
  if (is_bound(volume.kind)) {
    return {};
  }
  std::error_code error;
  if (!std::filesystem::exists(volume.path, error)) {
    return fail(Code::not_found, "volume {} has nothing at {}", volume.id, volume.path.string());
  }
  const bool is_made = TRY(has_file_system(volume.path, stop)) &&
                       !(volume.file_system == "xfs" && TRY(is_half_made_xfs(volume.path)));
  return is_made ? Result<>() : make_file_system(volume, stop);
}

Result<> mount_volume(const Volume& volume, const Path& target, const system::Stop& stop) {
  TRY(system::make_folders(target));
  if (TRY(is_mounted(target))) {
    return {};
  }
  TRY(stop.check(fmt::format("mount volume {}", volume.name)));
  if (volume.kind == VolumeKind::dataset && !TRY(is_mounted(volume.path))) {
    // The folder below it is there, and empty: what is written into it is seen by nobody later.
    return fail(Code::unavailable, "mount volume {}: its file system is not mounted at {}",
                volume.id, volume.path.native());
  }
  if (is_bound(volume.kind)) {
    return bind_folder(volume.path, target);
  }
  TRY(format_volume(volume, stop));
  // Another container may have it mounted, if all of them only read.
  if (!TRY(is_in_use(volume))) {
    TRY(check_file_system(volume, Check::unclean, stop));
  }
  TRY(system::run_ok({"mount", "-o", mount_options(volume), volume.path.native(), target.native()},
                     stop)
          .context("mount volume " + volume.id));
  return grow_to_volume(volume, target, stop);
}

Result<> unmount_volume(const Path& target, const system::Stop& stop) {
  while (TRY(is_mounted(target))) {
    TRY(stop.check(fmt::format("unmount {}", target.string())));
    if (::umount2(target.c_str(), UMOUNT_NOFOLLOW) != 0) {
      const int number = errno;
      return fail(number == EBUSY ? Code::unavailable : Code::broken, "unmount {}: {}",
                  target.string(), std::strerror(number));
    }
  }
  std::error_code error;
  // Only an empty folder is removed: what stands in it was not made by us.
  std::filesystem::remove(target, error);
  if (error && error != std::errc::directory_not_empty) {
    return fail(Code::broken, "remove {}: {}", target.string(), error.message());
  }
  return {};
}

}  // namespace drover::runtimes
