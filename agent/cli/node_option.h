// NodeOption: which node a command works with.
#pragma once

#include "messaging/client/client.h"
#include "messaging/client/known_nodes.h"

namespace CLI {
class App;
}

namespace drover::cli {

/// The options that say so, of the whole command line. The node of this machine, by its bus folder,
/// unless another is named.
class NodeOption {
 public:
  void add_to(CLI::App& app);

  Result<messaging::Client> connect() const;
  /// Another node was named.
  bool is_elsewhere() const { return !choice_.node.empty(); }
  const std::string& node() const { return choice_.node; }

 private:
  std::string bus_ = "/run/drover/bus";
  messaging::NodeChoice choice_;
};

}  // namespace drover::cli
