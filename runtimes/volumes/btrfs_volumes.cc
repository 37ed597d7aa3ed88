#include "runtimes/volumes/btrfs_volumes.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runtimes/volumes/local_volume_name.h"
#include "runtimes/volumes/require_program.h"
#include "runtimes/volumes/subvolume.h"

namespace drover::runtimes {
namespace {

constexpr const char* kStorage = "local-btrfs";
/// No container's name has an underscore: LocalVolumes takes none of these for its own.
constexpr const char* kSubvolumePrefix = "subvolume_";

/// The folder, or the one that it will be made in.
Path existing(Path folder) {
  std::error_code error;
  while (!std::filesystem::exists(folder, error) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

}  // namespace

Result<> BtrfsVolumes::usable() const {
  struct statfs found {};
  const Path folder = layout_.local_volumes();
  if (statfs(existing(folder).c_str(), &found) != 0 || found.f_type != BTRFS_SUPER_MAGIC) {
    return fail(Code::refused,
                "{}: {} does not lie on btrfs; mount one there, or choose another storage",
                kStorage, folder.native());
  }
  return require_program("btrfs", "btrfs-progs", kStorage);
}

Volume BtrfsVolumes::describe(const ContainerName& container, const JobId& job,
                              const VolumeSpec& spec) const {
  const Path path = layout_.local_volumes() /
                    (kSubvolumePrefix + container.str() + "." + spec.name + "." + job.str());
  return Volume{spec.name, spec.storage, path.native(), path, VolumeKind::subvolume, spec.size_mib,
                ""};
}

Result<Volume> BtrfsVolumes::allocate(const ContainerName& container, const JobId& job,
                                      const VolumeSpec& spec, const system::Stop& stop) {
  Volume volume = describe(container, job, spec);
  const std::string what = "allocate volume " + spec.name;
  TRY(stop.check(what));
  if (spec.size_mib == 0) {
    return fail(Code::invalid, "{} on storage {}: it needs a size", what, kStorage);
  }
  TRY(system::make_folders(layout_.local_volumes(), 0700));
  TRY(usable().context(what));
  if (!is_subvolume(volume.path)) {
    TRY(make_subvolume(volume.path, stop).context(what));
  }
  if (chmod(volume.path.c_str(), 0755) != 0) {
    return fail(Code::broken, "{}: chmod {}: {}", what, volume.path.native(), std::strerror(errno));
  }
  const Result<> limited = limit_subvolume(volume.path, spec.size_mib, stop);
  if (!limited) {
    // Without its limit nobody shall have it. What cannot go now is found by the next look.
    (void)delete_subvolume(volume.path, system::Stop()).has_value();
    return Failure(Error(limited.error()).context(what));
  }
  return volume;
}

Result<Volume> BtrfsVolumes::find(const ContainerName& container, const JobId& job,
                                  const VolumeSpec& spec, const system::Stop& stop) {
  Volume volume = describe(container, job, spec);
  if (!is_subvolume(volume.path)) {
    return fail(Code::not_found, "there is no volume {}", volume.id);
  }
  TRY(limit_subvolume(volume.path, spec.size_mib, stop));
  return volume;
}

Result<std::uint64_t> BtrfsVolumes::grow(const Volume& volume, std::uint64_t size_mib,
                                         const system::Stop& stop) {
  TRY(check_local_volume(volume, layout_.local_volumes(), kSubvolumePrefix));
  TRY(stop.check("grow volume " + volume.id));
  TRY(limit_subvolume(volume.path, size_mib, stop).context("grow volume " + volume.name));
  return size_mib;
}

Result<> BtrfsVolumes::release(const Volume& volume, const system::Stop& stop) {
  TRY(check_local_volume(volume, layout_.local_volumes(), kSubvolumePrefix));
  TRY(stop.check("release volume " + volume.id));
  return delete_subvolume(volume.path, stop);
}

Result<FoundVolumes> BtrfsVolumes::inventory(const system::Stop& stop) {
  FoundVolumes all =
      TRY(find_local_volumes(layout_.local_volumes(), kStorage,
                             std::filesystem::file_type::directory, kSubvolumePrefix, stop));
  std::erase_if(all.volumes, [](const FoundVolume& found) { return !is_subvolume(found.id); });
  return all;
}

Result<> BtrfsVolumes::release_found(const FoundVolume& found, const system::Stop& stop) {
  return release(Volume{"", found.storage, found.id, found.id, VolumeKind::subvolume, 0, ""}, stop);
}

}  // namespace drover::runtimes
