#include "tests/pve-sim/node_figures.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "agent/system/file.h"

namespace drover::pve_sim {
namespace {

struct Disk {
  std::uint64_t total = 0;
  std::uint64_t free = 0;
  std::uint64_t available = 0;
};

Disk disk_of(const Place& place) {
  struct statvfs facts {};
  statvfs(place.directory.c_str(), &facts);
  return {facts.f_blocks * facts.f_frsize, facts.f_bfree * facts.f_frsize,
          facts.f_bavail * facts.f_frsize};
}

// "model name : AMD EPYC" of the first processor.
std::string about_processor(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos && line.starts_with(key)) {
      return line.substr(colon + 2);
    }
  }
  return "";
}

// "MemAvailable:   1234 kB" in bytes.
std::uint64_t about_memory(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::uint64_t number = 0;
  while (file >> name >> number) {
    if (name == key + ":") {
      return number << 10;
    }
    file.ignore(64, '\n');
  }
  return 0;
}

json::Array load() {
  std::ifstream file("/proc/loadavg");
  json::Array texts;
  for (std::string word; texts.size() < 3 && file >> word;) {
    texts.emplace_back(word);
  }
  return texts;
}

}  // namespace

json::Object bare_node_row(const Place& place) {
  return {{"node", place.node},
          {"id", "node/" + place.node},
          {"type", "node"},
          {"status", "online"},
          {"level", ""},
          {"ssl_fingerprint", system::read_file(place.directory / "fingerprint").value_or("")}};
}

json::Object node_row(const Place& place) {
  struct sysinfo info {};
  sysinfo(&info);
  const Disk disk = disk_of(place);
  const std::uint64_t memory = about_memory("MemTotal");
  json::Object row = bare_node_row(place);
  row.set("cpu", 0);
  row.set("maxcpu", get_nprocs());
  row.set("mem", memory - about_memory("MemAvailable"));
  row.set("maxmem", memory);
  row.set("disk", disk.total - disk.free);
  row.set("maxdisk", disk.total);
  row.set("uptime", std::int64_t{info.uptime});
  return row;
}

json::Object node_status(const Place& place) {
  struct sysinfo info {};
  sysinfo(&info);
  struct utsname kernel {};
  uname(&kernel);
  const Disk disk = disk_of(place);
  const std::uint64_t swap = about_memory("SwapTotal");
  const std::uint64_t swap_free = about_memory("SwapFree");
  const std::uint64_t memory = about_memory("MemTotal");
  const std::uint64_t memory_free = about_memory("MemAvailable");
  return {{"pveversion", "pve-manager/9.1.7/0307225d4bc8b3ed"},
          {"kversion", fmt::format("{} {} {}", kernel.sysname, kernel.release, kernel.version)},
          {"current-kernel", json::Object{{"sysname", kernel.sysname},
                                          {"release", kernel.release},
                                          {"version", kernel.version},
                                          {"machine", kernel.machine}}},
          {"boot-info", json::Object{{"mode", "legacy-bios"}}},
          {"uptime", std::int64_t{info.uptime}},
          {"idle", 0},
          {"cpu", 0},
          {"wait", 0},
          {"loadavg", load()},
          {"cpuinfo", json::Object{{"cpus", get_nprocs()},
                                   {"cores", get_nprocs()},
                                   {"sockets", 1},
                                   {"model", about_processor("model name")},
                                   {"vendor", about_processor("vendor_id")},
                                   {"family", about_processor("cpu family")},
                                   {"mhz", about_processor("cpu MHz")},
                                   {"flags", about_processor("flags")},
                                   {"hvm", ""},
                                   {"user_hz", std::int64_t{sysconf(_SC_CLK_TCK)}}}},
          {"memory", json::Object{{"total", memory},
                                  {"free", about_memory("MemFree")},
                                  {"available", memory_free},
                                  {"used", memory - memory_free}}},
          {"swap", json::Object{{"total", swap}, {"free", swap_free}, {"used", swap - swap_free}}},
          {"rootfs", json::Object{{"total", disk.total},
                                  {"free", disk.free},
                                  {"avail", disk.available},
                                  {"used", disk.total - disk.free}}},
          {"ksm", json::Object{{"shared", 0}}}};
}

}  // namespace drover::pve_sim
