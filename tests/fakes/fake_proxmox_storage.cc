// What FakeProxmox has on its storages.
#include "agent/system/child.h"
#include "fakes/fake_proxmox.h"

namespace drover::fakes {

Result<json::Value> FakeProxmox::storage_call(const std::string& method,
                                              const std::vector<std::string>& at,
                                              const Fields& given) {
  if (at.size() == 3) {
    json::Array list;
    for (const auto& [name, storage] : storages) {
      list.push_back(described(name, storage));
    }
    return json::Value(std::move(list));
  }
  const auto found = storages.find(at[3]);
  if (found == storages.end()) {
    return fail(Code::not_found, "storage '{}' does not exist", at[3]);
  }
  Storage& storage = found->second;
  if (at.size() == 5 && at[4] == "status") {
    return json::Value(described(at[3], storage));
  }
  if (at.size() == 5 && at[4] == "content") {
    return method == "POST" ? allocate(at[3], storage, given) : content(storage, given);
  }
  // A volume id has a slash of its own on storages of files.
  std::string volid;
  for (std::size_t i = 5; i < at.size(); ++i) {
    volid += (volid.empty() ? "" : "/") + at[i];
  }
  if (method == "DELETE") {
    const Result<> outcome = planned_outcome("imgdel");
    if (outcome && storage.volumes.contains(volid)) {
      const std::filesystem::path file = storage.volumes.extract(volid).mapped();
      const std::filesystem::path device = storage.devices / file.filename();
      if (!storage.devices.empty() && std::filesystem::is_symlink(device)) {
        // Deleting deactivates.
        TRY(system::run_ok({"losetup", "--detach", std::filesystem::read_symlink(device).native()},
                           system::Stop()));
        std::filesystem::remove(device);
      }
      std::filesystem::remove_all(file);
    }
    return task("imgdel", "100@" + at[3], outcome);
  }
  const auto volume = storage.volumes.find(volid);
  if (volume == storage.volumes.end()) {
    return fail(Code::not_found, "volume_size_info on '{}' failed - no format", volid);
  }
  const bool folder = std::filesystem::is_directory(volume->second);
  return json::Value(
      json::Object{{"path", path_of(storage, volume->second)},
                   {"format", folder ? "subvol" : "raw"},
                   {"size", folder ? storage.quotas.at(volid) : size_of(volume->second)}});
}

std::string FakeProxmox::path_of(const Storage& storage, const std::filesystem::path& file) {
  if (storage.devices.empty()) {
    return file.native();
  }
  return storage.type == "rbd" ? "rbd:pool/" + file.filename().native() + ":conf=/etc/ceph.conf"
                               : (storage.devices / file.filename()).native();
}

std::uint64_t FakeProxmox::size_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : std::uint64_t{size};
}

json::Object FakeProxmox::described(const std::string& name, const Storage& storage) {
  return json::Object{{"storage", name},
                      {"type", storage.type},
                      {"content", "images,rootdir,vztmpl"},
                      {"active", storage.active ? 1 : 0},
                      {"shared", storage.shared ? 1 : 0},
                      {"enabled", 1},
                      {"avail", std::int64_t{1} << 40},
                      {"total", std::int64_t{1} << 40}};
}

Result<json::Value> FakeProxmox::content(const Storage& storage, const Fields& given) const {
  json::Array list;
  for (const auto& [volid, path] : storage.volumes) {
    const std::string owner = owner_of(volid);
    if (!given.contains("vmid") || given.at("vmid") == owner) {
      list.push_back(json::Object{{"volid", volid},
                                  {"vmid", json::Value(owner).integer_or(0)},
                                  {"format", "raw"},
                                  {"content", "rootdir"},
                                  {"size", size_of(path)}});
    }
  }
  return json::Value(std::move(list));
}

Result<json::Value> FakeProxmox::allocate(const std::string& name, Storage& storage,
                                          const Fields& given) {
  const std::string& filename = given.at("filename");
  const bool files = storage.type == "dir" || storage.type == "nfs" || storage.type == "btrfs";
  if (files != filename.ends_with(".raw")) {
    return fail(Code::invalid, "illegal name '{}'", filename);
  }
  const std::string volid = files ? fmt::format("{}:{}/{}", name, given.at("vmid"), filename)
                                  : fmt::format("{}:{}", name, filename);
  if (storage.volumes.contains(volid)) {
    return fail(Code::conflict, "disk image '{}' already exists", filename);
  }
  // "8M", or KiB without a letter.
  const std::string& size = given.at("size");
  const std::uint64_t number = std::stoull(size);
  const std::uint64_t unit = size.ends_with('G')   ? 1U << 30
                             : size.ends_with('M') ? 1U << 20
                                                   : 1U << 10;
  const std::filesystem::path path = folder_ / name / filename;
  std::uint64_t bytes = number * unit;
  if (storage.type.starts_with("lvm")) {
    constexpr std::uint64_t kExtent = 4U << 20U;
    bytes = (bytes + kExtent - 1) / kExtent * kExtent;
  }
  if (given.at("format") == "subvol") {
    if (storage.type != "zfspool" || !filename.starts_with("subvol-")) {
      return fail(Code::broken, "illegal name '{}' - should be 'vm-{}-*'", filename,
                  given.at("vmid"));
    }
    std::filesystem::create_directories(path);
    storage.quotas[volid] = bytes;
  } else {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path).close();
    std::filesystem::resize_file(path, bytes);
  }
  storage.volumes[volid] = path;
  return json::Value(volid);
}

std::string FakeProxmox::owner_of(const std::string& volid) {
  const std::size_t dataset = volid.find(":subvol-");
  const std::size_t start = dataset == std::string::npos ? volid.find("vm-") + 3 : dataset + 8;
  return volid.substr(start, volid.find('-', start) - start);
}

}  // namespace drover::fakes
