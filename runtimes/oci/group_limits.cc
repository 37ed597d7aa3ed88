#include "runtimes/oci/group_limits.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>

#include "agent/system/file.h"
#include "runtimes/oci/node_device.h"
#include "runtimes/resources_held.h"

namespace drover::runtimes {
namespace {

using system::Path;

constexpr unsigned kMibShift = 20;

bool is_file(const Path& file) {
  std::error_code error;
  return std::filesystem::exists(file, error);
}

Result<> write_limit(const Path& file, const std::string& value) {
  const system::UniqueFd open_file(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!open_file.valid() || write(open_file.get(), value.data(), value.size()) < 0) {
    return fail(Code::broken, "write \"{}\" to {}: {}", value, file.native(), std::strerror(errno));
  }
  return {};
}

/// In those of the files that are there: v1 and v2 and the disks' schedulers have different ones.
Result<> write_any(const Path& group, const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values) {
    if (is_file(group / name)) {
      TRY(write_limit(group / name, value));
    }
  }
  return {};
}

/// Every CPU that the group above has; v2 has them for nothing.
Result<> give_all_cpus(const Path& group) {
  if (is_file(group / "cgroup.controllers")) {
    return write_any(group, {{"cpuset.cpus", "\n"}});
  }
  const std::string above = system::read_file(group.parent_path() / "cpuset.cpus").value_or("");
  return above.empty() ? Result<>() : write_any(group, {{"cpuset.cpus", above}});
}

/// The words in front of each line: "8:0" of "8:0 1048576" and of "8:0 rbps=1048576".
std::vector<std::string> first_words(const Path& file) {
  std::istringstream lines(system::read_file(file).value_or(""));
  std::vector<std::string> words;
  for (std::string line; std::getline(lines, line);) {
    words.push_back(line.substr(0, line.find(' ')));
  }
  return words;
}

using Numbered = std::map<std::string, DeviceIoLimit>;

Result<Numbered> numbered(const IoLimits& limits) {
  Numbered devices;
  for (const DeviceIoLimit& limit : limits.devices) {
    const NodeDevice disk = TRY(find_node_device(limit.path).context("resources.io.devices"));
    if (!disk.is_block) {
      return fail(Code::refused, "resources.io.devices: {} is no disk of the node", limit.path);
    }
    devices.insert_or_assign(fmt::format("{}:{}", disk.major, disk.minor), limit);
  }
  return devices;
}

Result<> set_rates_v2(const Path& file, Numbered wanted) {
  for (const std::string& bounded : first_words(file)) {
    wanted.try_emplace(bounded);
  }
  const auto word = [](std::uint64_t rate) {
    return rate == 0 ? std::string("max") : std::to_string(rate);
  };
  for (const auto& [number, limit] : wanted) {
    TRY(write_limit(
        file, fmt::format("{} rbps={} wbps={} riops={} wiops={}", number, word(limit.read_bps),
                          word(limit.write_bps), word(limit.read_iops), word(limit.write_iops))));
  }
  return {};
}

Result<> set_rates_v1(const Path& group, const Numbered& wanted) {
  struct Rate {
    std::string_view file;
    std::uint64_t DeviceIoLimit::*of;
  };
  for (const Rate& rate :
       {Rate{"read_bps", &DeviceIoLimit::read_bps}, Rate{"write_bps", &DeviceIoLimit::write_bps},
        Rate{"read_iops", &DeviceIoLimit::read_iops},
        Rate{"write_iops", &DeviceIoLimit::write_iops}}) {
    const Path file = group / fmt::format("blkio.throttle.{}_device", rate.file);
    Numbered all = wanted;
    for (const std::string& bounded : first_words(file)) {
      all.try_emplace(bounded);
    }
    for (const auto& [number, limit] : all) {
      // 0 is no bound.
      TRY(write_limit(file, fmt::format("{} {}", number, limit.*rate.of)));
    }
  }
  return {};
}

Result<> set_io(const std::optional<Path>& group, const IoLimits& limits) {
  const Numbered wanted = TRY(numbered(limits));
  if (group && is_file(*group / "io.max")) {
    TRY(set_rates_v2(*group / "io.max", wanted));
  } else if (group && is_file(*group / "blkio.throttle.read_bps_device")) {
    TRY(set_rates_v1(*group, wanted));
  } else if (!wanted.empty()) {
    return fail(Code::refused, "resources.io.devices: the node's kernel bounds no rates of disks");
  }
  if (!group || limits.weight != 0) {
    return {};
  }
  return write_any(*group, {{"blkio.bfq.weight", "100"},
                            {"blkio.weight", "500"},
                            {"io.bfq.weight", "default 100"},
                            {"io.weight", "default 100"}});
}

Result<> set_huge_pages(const std::optional<Path>& group,
                        const std::map<std::string, std::uint64_t>& wanted_mib) {
  std::map<std::string, std::string> values;
  if (group) {
    for (const Path& file : system::children_of(*group)) {
      const std::string name = file.filename();
      if (name.starts_with("hugetlb.") && name.find(".rsvd.") == std::string::npos) {
        if (name.ends_with(".max")) {
          values[name] = "max";
        } else if (name.ends_with(".limit_in_bytes")) {
          values[name] = "-1";
        }
      }
    }
  }
  for (const auto& [size, mib] : wanted_mib) {
    bool bounded = false;
    for (const char* kind : {".max", ".limit_in_bytes"}) {
      const auto found = values.find("hugetlb." + size + kind);
      if (found != values.end()) {
        found->second = std::to_string(mib << kMibShift);
        bounded = true;
      }
    }
    if (!bounded) {
      return fail(Code::refused,
                  "resources.hugetlb_mib: the node's kernel bounds no huge pages of {}", size);
    }
  }
  for (const auto& [name, value] : values) {
    TRY(write_limit(*group / name, value));
  }
  return {};
}

}  // namespace

GroupFolders group_folders(pid_t pid) {
  return {group_of(pid, "cpu"), group_of(pid, "cpuset"), group_of(pid, "blkio"),
          group_of(pid, "hugetlb")};
}

Result<> set_group_limits(const GroupFolders& groups, const Resources& whole) {
  if (groups.cpu && whole.cpu_shares == 0) {
    TRY(write_any(*groups.cpu, {{"cpu.shares", "1024"}, {"cpu.weight", "100"}}));
  }
  if (groups.cpuset && whole.cpuset.empty()) {
    TRY(give_all_cpus(*groups.cpuset));
  }
  TRY(set_io(groups.blkio, whole.io));
  return set_huge_pages(groups.hugetlb, whole.hugetlb_mib);
}

}  // namespace drover::runtimes
