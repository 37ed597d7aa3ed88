// NodeStorage: what the API cannot do with volumes, and the node's own PVE::Storage can.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/stop.h"

namespace drover::proxmox {

/// Runs drover-storage (proxmox/drover-storage), each call a process of its own: it takes about
/// half a second, most of it for loading Proxmox's modules. Thread-safe. `refused` on a node
/// without PVE::Storage or without the program, `not_found` for a volume that is not there,
/// `unavailable` for all else that Proxmox could not do now.
class NodeStorage {
 public:
  /// `program` is absolute; "" is a node without one.
  explicit NodeStorage(std::filesystem::path program = {}) : program_(std::move(program)) {}

  Result<> check(const system::Stop& stop) const;
  /// Makes a volume usable on this node, whose path then is returned; one that is so already is
  /// success.
  Result<std::filesystem::path> activate(const std::string& volid, const system::Stop& stop) const;
  /// Makes it at least `bytes` large, whoever uses it, and returns how large it is then. It never
  /// becomes smaller.
  Result<std::uint64_t> grow(const std::string& volid, std::uint64_t bytes,
                             const system::Stop& stop) const;

 private:
  /// The line it answers.
  Result<std::string> run(const std::string& verb, std::vector<std::string> arguments,
                          const system::Stop& stop) const;

  std::filesystem::path program_;
};

}  // namespace drover::proxmox
