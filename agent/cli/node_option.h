// NodeOption: which node a command works with, or which cluster.
#pragma once

#include "messaging/client/client.h"
#include "messaging/client/known_nodes.h"

namespace CLI {
class App;
}

namespace drover::cli {

/// The options that say so, of the whole command line. The node of this machine, by its bus folder,
/// unless another is named, or a cluster.
class NodeOption {
 public:
  void add_to(CLI::App& app);

  /// `invalid` for options that do not go together.
  Result<> check() const;
  /// Of a cluster without a target.
  Result<messaging::Client> connect() const;
  /// Another node was named, or a cluster.
  bool is_elsewhere() const { return is_cluster() || !node_.empty(); }
  bool is_cluster() const { return !cluster_.empty() || !dispatchers_.empty(); }
  /// What was named, for messages.
  std::string named() const;
  /// "" when none was said. See docs/dispatch.md.
  const std::string& target() const { return target_; }

 private:
  std::string bus_ = "/run/drover/bus";
  std::string node_;
  std::string cluster_;  ///< kAnyCluster where --cluster names none
  std::vector<std::string> dispatchers_;
  std::vector<std::string> server_keys_;
  std::string key_;
  std::string target_;
};

}  // namespace drover::cli
