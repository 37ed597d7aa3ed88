#include "proxmox/guest_disks.h"

#include <charconv>

#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

/// Of a large file system that is checked before.
constexpr std::chrono::hours kResizeTimeout{48};
constexpr unsigned kMib = 20;
constexpr std::string_view kNotGrown = "Failed to update the container's filesystem";

std::string path_of_guest(const Client& client, Vmid vmid) {
  return fmt::format("/nodes/{}/lxc/{}", path_segment(client.node()), vmid.value);
}

}  // namespace

std::uint64_t disk_bytes(std::string_view disk) {
  constexpr std::string_view kSize = ",size=";
  const std::size_t at = disk.find(kSize);
  if (at == std::string_view::npos) {
    return 0;
  }
  disk.remove_prefix(at + kSize.size());
  disk = disk.substr(0, disk.find(','));
  double number = 0;
  const auto [rest, error] = std::from_chars(disk.data(), disk.data() + disk.size(), number);
  if (error != std::errc() || number < 0) {
    return 0;
  }
  constexpr std::string_view kUnits = "KMGT";
  const std::string_view unit(rest, static_cast<std::size_t>(disk.data() + disk.size() - rest));
  const std::size_t power = unit.size() == 1 ? kUnits.find(unit.front()) + 1 : 0;
  if (!unit.empty() && power == 0) {
    return 0;
  }
  constexpr unsigned kBitsOfAUnit = 10;
  return static_cast<std::uint64_t>(
      number * static_cast<double>(std::uint64_t{1} << (kBitsOfAUnit * power)));
}

Result<std::uint64_t> DiskCalls::bytes_now(Vmid vmid, const std::string& key, const Stop& stop) {
  const json::Value config = TRY(client_.get(path_of_guest(client_, vmid) + "/config", {}, stop));
  const std::string_view disk = config.at(key).string_or("");
  if (disk.empty()) {
    return fail(Code::not_found, "guest {} has no disk {} any more", vmid.value, key);
  }
  return disk_bytes(disk);
}

Result<> DiskCalls::check_log(const Upid& upid, Vmid vmid, const std::string& key,
                              std::uint64_t size_mib, const Stop& stop) {
  const std::string log = tasks_.end_of_log(upid, stop);
  return log.find(kNotGrown) == std::string::npos
             ? Result<>()
             : fail(Code::broken,
                    "disk {} of guest {} has {} MiB now, but Proxmox could not grow its file "
                    "system; make it larger still, or run resize2fs: {}",
                    key, vmid.value, size_mib, log);
}

Result<> DiskCalls::check_grown(Vmid vmid, const std::string& key, std::uint64_t size_mib,
                                const Stop& stop) {
  if (TRY(bytes_now(vmid, key, stop)) != size_mib << kMib) {
    return {};
  }
  const std::vector<Tasks::Ended> tasks = TRY(tasks_.ended(vmid, stop));
  for (const Tasks::Ended& task : tasks) {
    if (task.type == "resize") {
      const Upid upid = TRY(Upid::parse(task.upid));
      return check_log(upid, vmid, key, size_mib, stop);
    }
    // Before it was another guest's number. That of a copy tells no task but the earlier one's end.
    if (task.type == "vzcreate" || task.type == "vzrestore" || task.type == "vzdestroy") {
      break;
    }
  }
  return {};
}

Result<> DiskCalls::grow(Vmid vmid, const std::string& key, std::uint64_t size_mib,
                         const Stop& stop) {
  const std::uint64_t wanted = size_mib << kMib;
  const std::uint64_t before = TRY(bytes_now(vmid, key, stop));
  if (before == wanted) {
    return {};
  }
  if (before > wanted) {
    return fail(Code::refused,
                "disk {} of guest {} has {} MiB, and disks only grow: a file system cannot be cut "
                "off safely",
                key, vmid.value, before >> kMib);
  }
  const Result<json::Value> answer =
      client_.put(path_of_guest(client_, vmid) + "/resize",
                  {{"disk", key}, {"size", fmt::format("{}M", size_mib)}}, stop);
  if (answer) {
    const Upid upid = TRY(Upid::parse(answer->string_or("")));
    TRY(tasks_.wait(upid, kResizeTimeout, stop, Tasks::GivenUp::left));
    return check_log(upid, vmid, key, size_mib, stop);
  }
  if (answer.error().message.find("already at specified size") != std::string::npos) {
    return fail(Code::conflict,
                "disk {} of guest {} has {} MiB on its storage already, and its configuration says "
                "otherwise: run pct rescan --vmid {}, then grow it once more",
                key, vmid.value, size_mib, vmid.value);
  }
  if (answer.error().code != Code::timed_out) {
    return Failure(answer.error());
  }
  TRY(guests_.settle(vmid, vmid, vmid, stop));
  const std::uint64_t after = TRY(bytes_now(vmid, key, stop));
  return after == wanted
             ? check_grown(vmid, key, size_mib, stop)
             : fail(Code::unavailable, "{}; no task of guest {} runs, and its disk {} has {} MiB",
                    answer.error().message, vmid.value, key, after >> kMib);
}

}  // namespace drover::proxmox
