#include "runtimes/volumes/local_volumes.h"

#include <filesystem>

#include "runtimes/volumes/local_volume_name.h"

namespace drover::runtimes {

Volume LocalVolumes::describe(const ContainerName& container, const JobId& job,
                              const VolumeSpec& spec) const {
  // As LocalVolumeName takes it apart.
  const Path path = layout_.local_volumes() / (container.str() + "." + spec.name + "." + job.str());
  return Volume{spec.name, spec.storage, path.string(), path, VolumeKind::folder};
}

Result<Volume> LocalVolumes::allocate(const ContainerName& container, const JobId& job,
                                      const VolumeSpec& spec, const system::Stop& stop) {
  Volume volume = describe(container, job, spec);
  TRY(stop.check(fmt::format("allocate volume {}", volume.id)));
  TRY(system::make_folders(layout_.local_volumes(), 0700));
  TRY(system::make_folders(volume.path, 0755));
  return volume;
}

Result<Volume> LocalVolumes::find(const ContainerName& container, const JobId& job,
                                  const VolumeSpec& spec, const system::Stop&) {
  Volume volume = describe(container, job, spec);
  std::error_code error;
  if (!std::filesystem::is_directory(std::filesystem::symlink_status(volume.path, error))) {
    return fail(Code::not_found, "there is no volume {}", volume.id);
  }
  return volume;
}

Result<std::uint64_t> LocalVolumes::grow(const Volume& volume, std::uint64_t, const system::Stop&) {
  return fail(Code::refused, "grow volume {}: a folder has no size; it may fill the disk it is on",
              volume.name);
}

Result<> LocalVolumes::release(const Volume& volume, const system::Stop& stop) {
  TRY(stop.check(fmt::format("release volume {}", volume.id)));
  TRY(check_local_volume(volume, layout_.local_volumes(), ""));
  return system::remove_tree(volume.path);
}

Result<FoundVolumes> LocalVolumes::inventory(const system::Stop& stop) {
  return find_local_volumes(layout_.local_volumes(), "local-folder",
                            std::filesystem::file_type::directory, "", stop);
}

Result<> LocalVolumes::release_found(const FoundVolume& found, const system::Stop& stop) {
  return release(Volume{"", found.storage, found.id, found.id, VolumeKind::folder}, stop);
}

}  // namespace drover::runtimes
