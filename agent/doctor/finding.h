// Finding: one thing that a node needs, and whether it has it.
#pragma once

#include <string>
#include <vector>

namespace drover::doctor {

struct Finding {
  /// "programs", "images", "policy", "users", "proxmox", "cluster", "privileges", "storage",
  /// "network", "etcd"
  std::string about;
  bool ok = false;
  std::string message;
  /// What an admin enters to set it right; of a finding that is ok, to let the node do more.
  std::vector<std::string> commands{};
};

}  // namespace drover::doctor
