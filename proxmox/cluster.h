// Cluster: the nodes of Proxmox VE that work together.
#pragma once

#include <string>
#include <vector>

#include "proxmox/client.h"

namespace drover::proxmox {

struct ClusterState {
  std::string name;  ///< "" for a node that stands alone
  /// Whether most nodes see each other. Without that the cluster's file system is read-only, and
  /// with it every guest's configuration.
  bool quorate = true;
  struct Node {
    std::string name;
    bool online = false;
    bool answers = false;  ///< it is the one that gave this answer
  };
  std::vector<Node> nodes;
};

class Cluster {
 public:
  explicit Cluster(Client& client) : client_(client) {}

  /// "9.1.7".
  Result<std::string> version(const Stop& stop);
  /// Needs Sys.Audit on "/".
  Result<ClusterState> state(const Stop& stop);

 private:
  Client& client_;
};

}  // namespace drover::proxmox
