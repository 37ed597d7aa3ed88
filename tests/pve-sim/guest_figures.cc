#include "tests/pve-sim/guest_figures.h"

#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "agent/system/process.h"
#include "tests/pve-sim/guest_config.h"

namespace drover::pve_sim {
namespace {

constexpr std::uint64_t kDefaultDisk = std::uint64_t{4} << 30;

struct Room {
  std::uint64_t total = 0;
  std::uint64_t used = 0;
};

Room room_at(const path& folder) {
  struct statvfs disk {};
  return statvfs(folder.c_str(), &disk) == 0
             ? Room{disk.f_blocks * disk.f_frsize, (disk.f_blocks - disk.f_bfree) * disk.f_frsize}
             : Room{};
}

// "size=102M" of the root; nothing for a folder, which has no size.
std::optional<std::uint64_t> size_of_root(const json::Object& config) {
  const json::Value* root = config.find("rootfs");
  if (root == nullptr) {
    return kDefaultDisk;
  }
  std::string size = read_property_string(root->string_or(""))["size"];
  const int shift = size.ends_with('M') ? 20 : 30;
  if (!size.empty()) {
    size.pop_back();
  }
  const std::int64_t number = json::Value(size).integer_or(0);
  return number > 0 ? std::optional(static_cast<std::uint64_t>(number) << shift) : std::nullopt;
}

std::int64_t seconds_since_start(int pid) {
  const Result<std::uint64_t> start = system::start_time_of(pid);
  struct sysinfo info {};
  sysinfo(&info);
  return start ? std::max<std::int64_t>(
                     0, info.uptime - static_cast<std::int64_t>(*start) / sysconf(_SC_CLK_TCK))
               : 0;
}

std::uint64_t memory_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void add_figures(const Place& place, const std::string& vmid, const json::Object& config,
                 std::optional<int> process, json::Object& status) {
  for (const char* name : {"cpu", "diskread", "diskwrite", "netin", "netout"}) {
    status.set(name, 0);
  }
  if (process) {
    const Room room = room_at(place.lxc_path / vmid / "rootfs");
    status.set("disk", room.used);
    status.set("maxdisk", room.total);
    status.set("mem", memory_of(*process));
    status.set("uptime", seconds_since_start(*process));
    return;
  }
  const std::optional<std::uint64_t> size = size_of_root(config);
  status.set("disk", 0);
  status.set("maxdisk", size ? *size : room_at(place.images()).total);
  status.set("mem", 0);
  status.set("uptime", 0);
}

}  // namespace drover::pve_sim
