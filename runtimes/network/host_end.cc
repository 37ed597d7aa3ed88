#include "runtimes/network/host_end.h"

#include <fmt/format.h>

#include <fstream>
#include <utility>

#include "agent/core/stable_hash.h"
#include "agent/system/child.h"

namespace drover::runtimes {

Result<> run_ip(std::vector<std::string> arguments, const system::Stop& stop) {
  arguments.insert(arguments.begin(), "ip");
  TRY(system::run_ok(arguments, stop));
  return {};
}

std::string host_name(const ContainerName& name, const std::string& interface) {
  const std::uint64_t hash = stable_hash(name.str() + "/" + interface);
  return fmt::format("veth{:011x}", hash >> 20U);
}

Result<> close_default_vlan(const std::string& end, std::uint32_t vlan, const system::Stop& stop) {
  if (vlan > 1) {
    TRY(system::run_ok({"bridge", "vlan", "del", "vid", "1", "dev", end}, stop));
  }
  return {};
}

Result<> send_by_address_only(const std::string& end, const std::string& mac,
                              const system::Stop& stop) {
  TRY(run_ip({"link", "set", "dev", end, "type", "bridge_slave", "learning", "off", "flood", "off"},
             stop));
  TRY(system::run_ok({"bridge", "fdb", "append", mac, "dev", end, "master", "static"}, stop));
  return {};
}

void remove_link(const std::string& name, const system::Stop& stop) {
  [[maybe_unused]] const Result<> removed = run_ip({"link", "delete", "dev", name}, stop);
}

void remove_limits(const std::string& end, const system::Stop& stop) {
  for (const char* which : {"root", "ingress"}) {
    [[maybe_unused]] const Result<system::Output> removed =
        system::run({"tc", "qdisc", "del", "dev", end, which}, stop);
  }
}

Result<std::string> settle_host_end(const std::string& made, const std::string& name,
                                    const std::string& alias, const NetworkSpec& spec,
                                    std::uint32_t vlan, const system::Stop& stop) {
  if (spec.kind != NetworkKind::bridge) {
    TRY(run_ip({"link", "set", "dev", made, "alias", alias}, stop));
    return made;
  }
  // One of this name can only be left from a namespace whose end the kernel has not seen to yet.
  remove_link(name, stop);
  // A link is renamed while it is down only (before Linux 6.2 always).
  TRY(run_ip({"link", "set", "dev", made, "down"}, stop));
  TRY(run_ip({"link", "set", "dev", made, "name", name, "alias", alias}, stop));
  // As Proxmox does with its own veths: the host has no business with addresses on this end.
  std::ofstream(Path("/proc/sys/net/ipv6/conf") / name / "disable_ipv6") << 1;
  TRY(close_default_vlan(name, vlan, stop));
  TRY(run_ip({"link", "set", "dev", name, "up"}, stop));
  return name;
}

KeptSetting::KeptSetting(Path file) : file_(std::move(file)) {
  std::ifstream(file_) >> value_;
}

KeptSetting::~KeptSetting() {
  if (!value_.empty()) {
    std::ofstream(file_) << value_;
  }
}

}  // namespace drover::runtimes
