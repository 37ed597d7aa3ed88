#include "tests/pve-sim/guest_volumes.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <sstream>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/storage_lock.h"

namespace drover::pve_sim {
namespace {

// What a file system's maker says, without how far it has come.
void tell_of(const std::string& output, const std::function<void(std::string_view)>& tell) {
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Creating filesystem") || line.starts_with("Filesystem UUID") ||
        line.starts_with("Superblock backups") || line.starts_with('\t')) {
      tell(line);
    }
  }
}

}  // namespace

std::string free_volume_name(const Place& place, const std::string& storage,
                             const std::string& vmid, bool folder) {
  for (int number = 0;; ++number) {
    std::string name = fmt::format("{}/{}-{}-disk-{}.{}", vmid, folder ? "subvol" : "vm", vmid,
                                   number, folder ? "subvol" : "raw");
    if (!std::filesystem::exists(*volume_path(place, storage + ":" + name))) {
      return name;
    }
  }
}

bool is_disk(std::string_view key) {
  return key == "rootfs" || (key.starts_with("mp") && key.size() > 2);
}

Result<std::string> make_guest_volume(const Place& place, const std::string& vmid,
                                      const std::string& value,
                                      const std::function<void(std::string_view)>& tell,
                                      const system::Stop& stop) {
  auto parts = read_property_string(value);
  const std::string volid = parts[""];
  double gib = 0;
  const std::string size = volid.substr(std::min(volid.find(':') + 1, volid.size()));
  if (std::from_chars(size.data(), size.data() + size.size(), gib).ptr !=
      size.data() + size.size()) {
    return value;  // an existing volume
  }
  const StorageLock lock = TRY(StorageLock::take(place, stop));
  const std::string storage = storage_of(volid);
  const std::string name = free_volume_name(place, storage, vmid, gib <= 0);
  const path file = *volume_path(place, storage + ":" + name);
  TRY(system::make_folders(file.parent_path()));
  std::string stored = storage + ":" + name;
  if (gib > 0) {
    // Whole MiB downwards: 0.1 becomes 102M and not 102.4M.
    const auto mib = static_cast<std::uint64_t>(gib * 1024);
    tell(fmt::format("Formatting '{}', fmt=raw size={} preallocation=off", file.string(),
                     mib << 20));
    TRY(system::write_atomically(file, "", 0640));
    std::filesystem::resize_file(file, mib << 20);
    tell_of(TRY(system::run_ok({"mkfs.ext4", "-F", file.string()}, stop)), tell);
    stored +=
        mib % 1024 == 0 ? fmt::format(",size={}G", mib / 1024) : fmt::format(",size={}M", mib);
  } else {
    TRY(system::make_folders(file));
    stored += ",size=0T";
  }
  // The members after the volume are in the order of their names.
  const std::size_t end = stored.rfind(",size=");
  std::string before;
  std::string after;
  for (const auto& [key, text] : parts) {
    if (!key.empty() && key != "size") {
      (key < "size" ? before : after) += "," + key + "=" + text;
    }
  }
  return stored.substr(0, end) + before + stored.substr(end) + after;
}

void keep_as_unused(json::Object& config, const std::string& volume) {
  int number = 0;
  while (config.find(fmt::format("unused{}", number)) != nullptr) {
    ++number;
  }
  config.set(fmt::format("unused{}", number), volume);
}

Result<> make_base_volumes(const Place& place, const std::string& vmid, json::Object& config) {
  for (auto& [key, value] : config) {
    const std::string volume = "local:" + vmid + "/vm-";
    std::string text(value.string_or(""));
    if (!is_disk(key) || !text.starts_with(volume)) {
      continue;
    }
    const std::optional<path> from = volume_path(place, read_property_string(text)[""]);
    text.replace(volume.size() - 3, 3, "base-");
    const std::optional<path> to = volume_path(place, read_property_string(text)[""]);
    std::error_code failure;
    std::filesystem::rename(*from, *to, failure);
    if (failure) {
      return fail(Code::broken, "rename '{}' to '{}' failed: {}", from->string(), to->string(),
                  failure.message());
    }
    value = text;
  }
  return {};
}

}  // namespace drover::pve_sim
