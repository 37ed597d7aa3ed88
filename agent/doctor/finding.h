// Finding: one thing that a node needs, and whether it has it.
#pragma once

#include <string>
#include <vector>

namespace drover::doctor {

struct Finding {
  std::string about;  ///< "programs", "proxmox", "cluster", "privileges", "storage", "network"
  bool ok = false;
  std::string message;
  std::vector<std::string> commands{};  ///< what an admin enters to set it right
};

}  // namespace drover::doctor
