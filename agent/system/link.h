// Link: what the kernel says of a network interface of this namespace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/core/result.h"

namespace drover::system {

struct Link {
  std::string kind;      ///< "bridge", "veth", ...; "" for a device of the hardware
  std::string alias;     ///< "" for none
  bool up = false;       ///< somebody wants it up
  bool plugged = false;  ///< in a bridge, or what else holds interfaces
  std::uint32_t mtu = 0;
  bool filters_vlans = false;  ///< a bridge that does
};

/// None when there is no interface of that name. Asks by netlink and not by /sys, which shows the
/// interfaces of whoever mounted it. The kernel answers at once: any thread may ask, the loop's,
/// too.
Result<std::optional<Link>> look_at_link(const std::string& name);
/// Whether there is one, and whether one is up; false also when that cannot be known.
bool has_link(const std::string& name);
bool is_link_up(const std::string& name);

}  // namespace drover::system
