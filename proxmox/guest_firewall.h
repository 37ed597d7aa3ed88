// GuestFirewall: the firewall of one of Proxmox's guests.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "agent/core/firewall_spec.h"
#include "agent/core/ids.h"
#include "proxmox/client.h"

namespace drover::proxmox {

class GuestFirewall {
 public:
  explicit GuestFirewall(Client& client) : client_(client) {}

  /// How long after a change Proxmox may take until it filters so: its daemons look every ten
  /// seconds, and until then let through what was let through before, of a new guest all.
  static constexpr std::chrono::seconds kSettling{12};

  /// Whether a guest's rules would be heeded: `refused` where the cluster's firewall is off, or we
  /// may not know (Sys.Audit on "/"). The node's own switch is about the node alone.
  Result<> require_on(const Stop& stop);

  /// Gives the guest these sets, rules and policies and no others, whatever it had of a backup,
  /// then turns its firewall on. What is so already stays, so that what was cut off may be done
  /// again. Each interface has to say firewall=1 itself (pct.conf(5)). Holds after kSettling.
  Result<> set(Vmid vmid, const FirewallSpec& firewall, const Stop& stop);

 private:
  Result<> set_once(const std::string& path, const FirewallSpec& firewall, const Stop& stop);
  Result<std::set<std::string>> names_of_sets(const std::string& sets, const Stop& stop);
  Result<> fill_sets(const std::string& sets, const FirewallSpec& firewall, const Stop& stop);
  Result<> fill_set(const std::string& set, const std::vector<std::string>& addresses,
                    const Stop& stop);
  Result<> set_rules(const std::string& rules, const FirewallSpec& firewall, const Stop& stop);
  Result<> set_options(const std::string& options, const FirewallSpec& firewall, const Stop& stop);

  Client& client_;
};

}  // namespace drover::proxmox
