#include "runtimes/volumes/proxmox_volumes.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "proxmox/storage_types.h"
#include "runtimes/volumes/in_use.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

std::string short_hash(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), bytes.data(), &size, EVP_sha256(), nullptr);
  std::string hash;
  for (std::size_t i = 0; i < 8; ++i) {
    hash += fmt::format("{:02x}", bytes.at(i));
  }
  return hash;
}

/// Whether proxmox_volume_name may have made it: somebody else may use the owner's number, too.
bool is_a_name_of_ours(std::string_view name, Vmid owner) {
  constexpr std::size_t kHash = 16;
  if (!name.starts_with(fmt::format("{}-", owner.value)) || name.size() < kHash + 1 ||
      name[name.size() - kHash - 1] != '-') {
    return false;
  }
  name.remove_prefix(name.size() - kHash);
  return name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

VolumeKind kind_of(const proxmox::VolumeInfo& info) {
  if (info.format == "subvol") {
    return VolumeKind::dataset;
  }
  // Where Ceph does not map it into the kernel by itself, the API names "rbd:POOL/NAME:...".
  const bool is_device = info.path.starts_with("/dev/") || info.path.starts_with("rbd:");
  return is_device ? VolumeKind::block : VolumeKind::image;
}

Result<bool> is_active(const Volume& volume) {
  std::error_code error;
  if (!std::filesystem::exists(volume.path, error)) {
    return false;
  }
  // Of a dataset that is not mounted the folder may be there all the same.
  return volume.kind == VolumeKind::dataset ? is_mounted(volume.path) : Result<bool>(true);
}

}  // namespace

std::string_view proxmox_name_in(std::string_view volid) {
  std::string_view name = volid.substr(std::min(volid.find(':') + 1, volid.size()));
  if (const std::size_t slash = name.rfind('/'); slash != std::string_view::npos) {
    name.remove_prefix(slash + 1);
  }
  if (name.ends_with(".raw")) {
    name.remove_suffix(4);
  }
  for (const std::string_view prefix : {"vm-", "subvol-"}) {
    if (name.starts_with(prefix)) {
      return name.substr(prefix.size());
    }
  }
  return "";
}

std::string proxmox_volume_name(Vmid owner, const ContainerName& container, const JobId& job,
                                std::string_view volume) {
  constexpr std::size_t kMostContainer = 20;
  constexpr std::size_t kMostVolume = 12;
  // No part can hold a slash, so the text takes apart in one way only.
  const std::string whole = fmt::format("{}/{}/{}", container.str(), volume, job.str());
  return fmt::format("{}-{}-{}-{}", owner.value, container.str().substr(0, kMostContainer),
                     volume.substr(0, kMostVolume), short_hash(whole));
}

ProxmoxVolumes::ProxmoxVolumes(proxmox::Client& client, system::Clock& clock, Vmid owner,
                               proxmox::NodeStorage node_storage)
    : clock_(clock),
      tasks_(client, clock),
      storage_(client, tasks_),
      node_storage_(std::move(node_storage)),
      owner_(owner) {}

Result<Volume> ProxmoxVolumes::describe(const VolumeSpec& spec, const std::string& volid,
                                        const system::Stop& stop) {
  const proxmox::VolumeInfo info = TRY(storage_.inspect(volid, stop));
  if (info.format != "raw" && info.format != "subvol") {
    return fail(Code::broken, "volume {} has the format {}, and neither raw nor subvol", volid,
                info.format);
  }
  return Volume{spec.name,       spec.storage,  volid,
                Path(info.path), kind_of(info), info.size_bytes >> 20U};
}

Result<Volume> ProxmoxVolumes::describe_here(const VolumeSpec& spec, const std::string& volid,
                                             const system::Stop& stop) {
  Volume volume = TRY(describe(spec, volid, stop));
  if (volume.path.is_absolute()) {
    return volume;
  }
  const Result<Path> mapped = node_storage_.activate(volid, stop);
  if (!mapped) {
    // It was made just now.
    const Code code = mapped.error().code;
    return fail(code == Code::not_found ? Code::unavailable : code,
                "volume {} is at \"{}\", which is no path on this node: {}", volid,
                volume.path.native(), mapped.error().message);
  }
  volume.path = *mapped;
  return volume;
}

Result<Volume> ProxmoxVolumes::allocate(const ContainerName& container, const JobId& job,
                                        const VolumeSpec& spec, const system::Stop& stop) {
  if (spec.storage.empty()) {
    return fail(Code::invalid, "volume {} of {} names no storage", spec.name, container.str());
  }
  const proxmox::StorageInfo storage = TRY(storage_.find(spec.storage, stop));
  const proxmox::StorageType* type = TRY(proxmox::type_for_volumes(storage));
  if (!storage.active) {
    return fail(Code::unavailable, "storage {} is not active on this node", spec.storage);
  }
  const std::string name = proxmox_volume_name(owner_, container, job, spec.name);
  const std::string filename = fmt::format("{}{}{}", type->prefix, name, type->extension);
  const Result<std::string> volid = storage_.allocate(spec.storage, owner_, filename, spec.size_mib,
                                                      std::string(type->format), stop);
  const Code failure = volid ? Code::broken : volid.error().code;
  if (failure == Code::conflict || failure == Code::timed_out) {
    Result<Volume> known = find(container, job, spec, stop);
    if (known || known.error().code != Code::not_found) {
      return known;
    }
  }
  if (failure == Code::timed_out) {
    // Whoever tries again finds one that is made yet: its name is the same.
    return fail(Code::unavailable, "allocate {}: {}; it is not there", filename,
                volid.error().message);
  }
  if (!volid) {
    return Failure(Error(volid.error()).context(fmt::format("allocate {}", filename)));
  }
  Result<Volume> made = describe_here(spec, *volid, stop);
  if (!made) {
    // What the caller never hears of, it cannot free. A request to stop must not keep us from it.
    (void)storage_.release(*volid, system::Stop()).has_value();
  }
  return made;
}

Result<Volume> ProxmoxVolumes::find(const ContainerName& container, const JobId& job,
                                    const VolumeSpec& spec, const system::Stop& stop) {
  if (spec.storage.empty()) {
    return fail(Code::invalid, "volume {} of {} names no storage", spec.name, container.str());
  }
  const std::string name = proxmox_volume_name(owner_, container, job, spec.name);
  const std::vector<std::string> volids = TRY(storage_.owned_by(spec.storage, owner_, stop));
  for (const std::string& volid : volids) {
    if (proxmox_name_in(volid) == name) {
      // Also one that cannot be mapped now: to be freed it needs no path of this node, and to be
      // used it is activated first.
      Volume found = TRY(describe(spec, volid, stop));
      if (!found.path.is_absolute()) {
        found.path = node_storage_.activate(volid, stop).value_or(found.path);
      }
      return found;
    }
  }
  return fail(Code::not_found, "there is no volume {} on storage {}", name, spec.storage);
}

Result<> ProxmoxVolumes::check_owner(const Volume& volume) const {
  if (proxmox_name_in(volume.id).starts_with(fmt::format("{}-", owner_.value))) {
    return {};
  }
  return fail(Code::refused, "volume {} does not belong to {}", volume.id, owner_.value);
}

Result<Volume> ProxmoxVolumes::activate(const Volume& volume, const system::Stop& stop) {
  if (TRY(is_active(volume))) {
    return volume;
  }
  TRY(check_owner(volume));
  Volume active = volume;
  const Result<Path> path = node_storage_.activate(volume.id, stop);
  if (!path && path.error().code == Code::refused) {
    return fail(Code::not_found, "volume {} is not active, there is nothing at {}: {}", volume.id,
                volume.path.native(), path.error().message);
  }
  active.path = TRY(path);
  if (!TRY(is_active(active))) {
    return fail(Code::broken, "volume {} was activated, and there is nothing at {}", volume.id,
                active.path.native());
  }
  return active;
}

Result<std::uint64_t> ProxmoxVolumes::grow(const Volume& volume, std::uint64_t size_mib,
                                           const system::Stop& stop) {
  TRY(check_owner(volume));
  TRY(stop.check("grow volume " + volume.id));
  const std::uint64_t size = size_mib << 20U;
  if (volume.kind != VolumeKind::image) {
    const std::uint64_t bytes = TRY(node_storage_.grow(volume.id, size, stop));
    return bytes >> 20U;
  }
  std::error_code error;
  if (std::filesystem::file_size(volume.path, error) < size && !error) {
    std::filesystem::resize_file(volume.path, size, error);
  }
  if (error) {
    return fail(error == std::errc::no_space_on_device ? Code::unavailable : Code::broken,
                "grow {} to {} MiB: {}", volume.path.native(), size_mib, error.message());
  }
  return size_mib;
}

Result<> ProxmoxVolumes::release(const Volume& volume, const system::Stop& stop) {
  TRY(check_owner(volume));
  TRY(wait_until_free(volume, clock_, stop).context("release volume " + volume.id));
  return storage_.release(volume.id, stop);
}

Result<FoundVolumes> ProxmoxVolumes::inventory(const system::Stop& stop) {
  const std::vector<proxmox::StorageInfo> storages = TRY(storage_.list(stop));
  FoundVolumes all;
  for (const proxmox::StorageInfo& storage : storages) {
    if (!storage.active || storage.shared || !proxmox::type_for_volumes(storage)) {
      continue;
    }
    all.storages.insert(storage.id);
    const std::vector<std::string> volids = TRY(storage_.owned_by(storage.id, owner_, stop));
    for (const std::string& volid : volids) {
      if (is_a_name_of_ours(proxmox_name_in(volid), owner_)) {
        all.volumes.push_back({storage.id, volid, "", ""});
      }
    }
  }
  return all;
}

Result<> ProxmoxVolumes::release_found(const FoundVolume& found, const system::Stop& stop) {
  VolumeSpec spec;
  spec.storage = found.storage;
  const Result<Volume> volume = describe(spec, found.id, stop);
  if (!volume) {
    return volume.error().code == Code::not_found ? Result<>() : Failure(volume.error());
  }
  return release(*volume, stop);
}

}  // namespace drover::runtimes
