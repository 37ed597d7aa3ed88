// Ha: how the HA manager of Proxmox VE sees this node.
#pragma once

#include <optional>
#include <string>

#include "proxmox/client.h"

namespace drover::proxmox {

struct HaNode {
  /// Whether this node is among most of its cluster's; true of one that stands alone. None when
  /// another node has answered in its stead, which knows only of itself.
  std::optional<bool> quorate;
  /// "online", "maintenance", "unknown" (the others do not see it), "fence" or "gone"; "" for a
  /// node of which the manager knows nothing, as where HA was never used.
  std::string state;
  /// It is in maintenance mode, or somebody has just asked for that.
  bool maintenance = false;
};

class Ha {
 public:
  explicit Ha(Client& client) : client_(client) {}

  /// Of Client::node. What the manager says may be old without a quorum, because nobody can write
  /// it then. `refused` without Sys.Audit on "/".
  Result<HaNode> node(const Stop& stop);

 private:
  Client& client_;
};

}  // namespace drover::proxmox
