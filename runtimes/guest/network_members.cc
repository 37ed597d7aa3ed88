#include "runtimes/guest/network_members.h"

#include <fmt/ranges.h>

#include <string_view>

namespace drover::runtimes {
namespace {

Failure refuse_member(std::string_view member, std::string_view why) {
  return fail(Code::refused, "pve-lxc, {}: {}", member, why);
}

}  // namespace

Result<> refuse_network_members(const NetworkSpec& network, const std::string& at) {
  if (network.kind != NetworkKind::bridge) {
    return refuse_member(at + "/kind", "Proxmox puts a guest's interfaces on bridges only");
  }
  if (!network.ports.empty()) {
    return refuse_member(at + "/ports",
                         "Proxmox publishes no ports; a guest is reached at its own address");
  }
  if (network.bandwidth != Bandwidth{}) {
    return refuse_member(at + "/bandwidth",
                         "leave it out, and set rate of the guest's net in Proxmox");
  }
  if (!network.forwarding.empty()) {
    return refuse_member(at + "/forwarding", "a guest has its filter in firewall");
  }
  return {};
}

Result<> add_names(const ContainerSpec& spec, proxmox::Form& form) {
  if (!spec.dns.options.empty()) {
    return refuse_member("dns.options", "Proxmox writes none into a guest's resolv.conf");
  }
  if (!spec.hosts.empty()) {
    return refuse_member("hosts", "Proxmox writes a guest's own name only into its hosts file");
  }
  if (!spec.dns.servers.empty()) {
    form.emplace_back("nameserver", fmt::format("{}", fmt::join(spec.dns.servers, " ")));
  }
  if (!spec.dns.search.empty()) {
    form.emplace_back("searchdomain", fmt::format("{}", fmt::join(spec.dns.search, " ")));
  }
  return {};
}

}  // namespace drover::runtimes
