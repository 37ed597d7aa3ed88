// GuestFirewall: the firewall of one of Proxmox's guests.
#pragma once

#include <string>
#include <vector>

#include "agent/core/firewall_spec.h"
#include "agent/core/ids.h"
#include "proxmox/client.h"

namespace drover::proxmox {

class GuestFirewall {
 public:
  explicit GuestFirewall(Client& client) : client_(client) {}

  /// Whether a guest's rules would be heeded on this node: `refused` where the cluster's or the
  /// node's firewall is off, or we may not know (Sys.Audit on "/").
  Result<> require_on(const Stop& stop);

  /// Gives the guest these sets and rules and no others, then turns its firewall on. What is so
  /// already stays, so that what was cut off may be done again. Each interface has to say
  /// firewall=1 itself (pct.conf(5)).
  Result<> set(Vmid vmid, const FirewallSpec& firewall, const Stop& stop);

 private:
  Result<> set_once(const std::string& path, const FirewallSpec& firewall, const Stop& stop);
  Result<> add_sets(const std::string& path, const FirewallSpec& firewall, const Stop& stop);
  Result<> set_rules(const std::string& path, const FirewallSpec& firewall, const Stop& stop);

  Client& client_;
};

}  // namespace drover::proxmox
