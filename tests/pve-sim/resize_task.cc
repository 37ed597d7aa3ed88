#include "tests/pve-sim/resize_task.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <filesystem>

#include "agent/system/child.h"
#include "tests/pve-sim/guest_tasks.h"
#include "tests/pve-sim/guest_volumes.h"
#include "tests/pve-sim/quorum.h"
#include "tests/pve-sim/storage_lock.h"

namespace drover::pve_sim {
namespace {

using system::Stop;

constexpr std::string_view kUnits = "KMGT";
constexpr unsigned kBitsOfAUnit = 10;

// In the largest unit that leaves no fraction.
std::string size_text(std::uint64_t size) {
  std::string unit;
  for (const char letter : kUnits) {
    if (size % 1024 != 0) {
      break;
    }
    size /= 1024;
    unit = letter;
  }
  return std::to_string(size) + unit;
}

std::string volume_of(const json::Object& config, const std::string& disk) {
  const json::Value* const value = config.find(disk);
  return value == nullptr ? "" : read_property_string(value->string_or(""))[""];
}

// Of a guest that runs: the file's loop device is told its new size, and resize2fs has to see its
// file system mounted somewhere.
Result<> grow_mounted(const path& file, const Stop& stop) {
  const std::string devices =
      TRY(system::run_ok({"losetup", "-n", "-O", "NAME", "-j", file.string()}, stop));
  const std::string device = devices.substr(0, devices.find('\n'));
  if (device.empty()) {
    return fail(Code::broken,
                "internal error: CT running but mount point not attached to a loop device");
  }
  TRY(system::run_ok({"losetup", "--set-capacity", device}, stop));
  TRY(system::run_ok(
      {"unshare", "-m", "--", "sh", "-c",
       fmt::format("mount --make-rprivate / && mount '{0}' /mnt && resize2fs '{0}'", device)},
      stop));
  return {};
}

Result<> grow_at_rest(const path& file, const Stop& stop) {
  // 1: it has mended something.
  const system::Output checked = TRY(system::run({"e2fsck", "-f", "-y", file.string()}, stop));
  if (checked.ending.code > 1) {
    return fail(Code::broken, "command 'e2fsck -f -y {}' failed: exit code {}", file.string(),
                checked.ending.code);
  }
  TRY(system::run_ok({"resize2fs", file.string()}, stop));
  return {};
}

}  // namespace

std::uint64_t read_size(const std::string& text) {
  const std::size_t power = kUnits.find(text.empty() ? ' ' : text.back());
  const std::uint64_t unit =
      power == std::string_view::npos ? 1 : std::uint64_t{1} << (kBitsOfAUnit * (power + 1));
  return static_cast<std::uint64_t>(std::stod("0" + text) * static_cast<double>(unit));
}

Result<std::uint64_t> size_after(const Place& place, const json::Object& config,
                                 const std::string& disk, const std::string& size) {
  if (const json::Value* lock = config.find("lock")) {
    return fail(Code::conflict, "CT is locked ({})", lock->string_or(""));
  }
  const std::string volume = volume_of(config, disk);
  const std::optional<path> file = volume_path(place, volume);
  if (!file || !std::filesystem::is_regular_file(*file)) {
    return fail(Code::broken, "Could not determine current size of volume '{}'", volume);
  }
  const std::uint64_t now = std::filesystem::file_size(*file);
  const std::uint64_t wanted =
      size.starts_with('+') ? now + read_size(size.substr(1)) : read_size(size);
  if (wanted < now) {
    return fail(Code::invalid, "unable to shrink disk size");
  }
  if (wanted == now) {
    return fail(Code::broken, "disk is already at specified size");
  }
  return wanted;
}

Result<> resize_disk(const Place& place, const TaskRequest& request, const TaskLog& log,
                     const Stop& stop) {
  const std::string disk(request.details.find("disk")->string_or(""));
  json::Object config = TRY(wait_for_config(place, request.id, stop));
  const std::uint64_t size = TRY(
      size_after(place, config, disk, std::string(request.details.find("size")->string_or(""))));
  const path file = *volume_path(place, volume_of(config, disk));
  {
    const StorageLock lock = TRY(StorageLock::take(place, stop));
    log.line("Image resized.");
    std::filesystem::resize_file(file, size);
  }
  std::string text;
  for (const auto& [key, value] : read_property_string(config.find(disk)->string_or(""))) {
    text +=
        key.empty() ? value : fmt::format(",{}={}", key, key == "size" ? size_text(size) : value);
  }
  TRY(check_guest_writable(place, request.id));
  config.set(disk, text);
  TRY(save_guest(place, request.id, config));
  const Result<> grown =
      guest_runs(place, request.id) ? grow_mounted(file, stop) : grow_at_rest(file, stop);
  if (!grown) {
    log.line("Failed to update the container's filesystem: " + grown.error().message);
  }
  return {};
}

}  // namespace drover::pve_sim
