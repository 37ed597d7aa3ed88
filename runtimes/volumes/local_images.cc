#include "runtimes/volumes/local_images.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "agent/system/disk_space.h"
#include "runtimes/volumes/local_volume_name.h"
#include "runtimes/volumes/require_program.h"

namespace drover::runtimes {
namespace {

/// The file with at least this size and all its blocks.
Result<> reserve(const Path& file, std::uint64_t size_mib) {
  const auto size = static_cast<off_t>(size_mib << 20);
  const system::UniqueFd fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat found {};
  if (!fd.valid() || fstat(fd.get(), &found) != 0) {
    return fail(Code::broken, "open {}: {}", file.native(), std::strerror(errno));
  }
  // fallocate(2) takes all there is before it fails, and everybody else on the disk with it.
  const system::DiskSpace disk = TRY(system::disk_space(file.parent_path()));
  const off_t missing = size - std::min<off_t>(size, found.st_blocks * 512);
  if (static_cast<std::uint64_t>(missing) > disk.free) {
    return fail(Code::unavailable, "reserve {} MiB for {}: the disk has {} MiB left", size_mib,
                file.native(), disk.free >> 20);
  }
  if (fallocate(fd.get(), 0, 0, size) == 0) {
    return fsync(fd.get()) == 0
               ? Result<>()
               : fail(Code::broken, "sync {}: {}", file.native(), std::strerror(errno));
  }
  const int number = errno;
  // A file system that cannot reserve still keeps the size.
  if (number == EOPNOTSUPP && (found.st_size >= size || ftruncate(fd.get(), size) == 0)) {
    return {};
  }
  return fail(number == ENOSPC || number == EDQUOT ? Code::unavailable : Code::broken,
              "reserve {} MiB for {}: {}", size_mib, file.native(), std::strerror(number));
}

}  // namespace

Volume LocalImages::describe(const ContainerName& container, const JobId& job,
                             const VolumeSpec& spec) const {
  const Path path = layout_.local_volumes() /
                    (form_.prefix + container.str() + "." + spec.name + "." + job.str());
  return Volume{spec.name,         spec.storage,  path.string(),    path,
                VolumeKind::image, spec.size_mib, form_.file_system};
}

Result<> LocalImages::usable() const {
  return *form_.file_system == '\0' ? Result<>()
                                    : require_program("mkfs.xfs", "xfsprogs", form_.storage);
}

Result<Volume> LocalImages::allocate(const ContainerName& container, const JobId& job,
                                     const VolumeSpec& spec, const system::Stop& stop) {
  Volume volume = describe(container, job, spec);
  TRY(stop.check(fmt::format("allocate volume {}", volume.id)));
  if (spec.size_mib < least_mib()) {
    return fail(Code::invalid, "volume {} on storage {} needs a size, {} MiB at least", spec.name,
                form_.storage, least_mib());
  }
  TRY(system::make_folders(layout_.local_volumes(), 0700));
  const Result<> reserved = reserve(volume.path, spec.size_mib);
  if (!reserved) {
    unlink(volume.path.c_str());
    return Failure(Error(reserved.error()).context("allocate volume " + spec.name));
  }
  return volume;
}

Result<Volume> LocalImages::find(const ContainerName& container, const JobId& job,
                                 const VolumeSpec& spec, const system::Stop&) {
  Volume volume = describe(container, job, spec);
  struct stat found {};
  if (lstat(volume.path.c_str(), &found) != 0 || !S_ISREG(found.st_mode) ||
      found.st_size < static_cast<off_t>(spec.size_mib << 20)) {
    return fail(Code::not_found, "there is no volume {}", volume.id);
  }
  return volume;
}

Result<std::uint64_t> LocalImages::grow(const Volume& volume, std::uint64_t size_mib,
                                        const system::Stop& stop) {
  TRY(check_local_volume(volume, layout_.local_volumes(), form_.prefix));
  TRY(stop.check(fmt::format("grow volume {}", volume.id)));
  TRY(reserve(volume.path, size_mib).context("grow volume " + volume.name));
  return size_mib;
}

Result<> LocalImages::release(const Volume& volume, const system::Stop& stop) {
  TRY(check_local_volume(volume, layout_.local_volumes(), form_.prefix));
  TRY(stop.check(fmt::format("release volume {}", volume.id)));
  if (unlink(volume.path.c_str()) != 0 && errno != ENOENT) {
    return fail(Code::broken, "delete {}: {}", volume.path.native(), std::strerror(errno));
  }
  return {};
}

Result<FoundVolumes> LocalImages::inventory(const system::Stop& stop) {
  return find_local_volumes(layout_.local_volumes(), form_.storage,
                            std::filesystem::file_type::regular, form_.prefix, stop);
}

Result<> LocalImages::release_found(const FoundVolume& found, const system::Stop& stop) {
  return release(Volume{"", found.storage, found.id, found.id, VolumeKind::image}, stop);
}

}  // namespace drover::runtimes
