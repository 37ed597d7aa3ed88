// Cluster: the nodes of Proxmox VE that work together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxmox/client.h"

namespace drover::proxmox {

struct ClusterState {
  std::string name;  ///< "" for a node that stands alone
  /// Whether most nodes see each other; of a node that stands alone it is true. Without that the
  /// cluster's file system is read-only, and with it every guest's configuration.
  std::optional<bool> quorate;  ///< none when our user may not know it
  struct Node {
    std::string name;
    bool online = false;
    bool answers = false;  ///< it is the one that gave this answer, as far as that is known
  };
  std::vector<Node> nodes;
};

class Cluster {
 public:
  explicit Cluster(Client& client) : client_(client) {}

  /// "9.1.7".
  Result<std::string> version(const Stop& stop);
  /// Without Sys.Audit on "/" no more than the names of the nodes and who is online.
  Result<ClusterState> state(const Stop& stop);

 private:
  Client& client_;
};

}  // namespace drover::proxmox
