// Migrations: containers that move to another node of a cluster, where a runtime has them move.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/system/stop.h"
#include "runtimes/container.h"

namespace drover::runtimes {

struct MigrationWish {
  std::string node;               ///< as the cluster calls it
  bool restart = false;           ///< its program may be ended here, and started anew there
  std::chrono::seconds grace{0};  ///< for its program to end
  std::string storage;            ///< there, of all its volumes; "" for those they are on here
};

/// The same rules as for Runtime's verbs hold.
class Migrations {
 public:
  virtual ~Migrations() = default;

  /// Moves it with its volumes, and returns what went wrong there all the same, as the start of its
  /// program; "" for nothing. This node has it no more then, and after an error it still has. One
  /// that is there already is success. One that runs is a `conflict` without `restart`, and one
  /// that is paused always. On `stop` it goes on by itself, and `settle` waits for it.
  virtual Result<std::string> migrate(const Container& container, const MigrationWish& wish,
                                      const system::Stop& stop) = 0;
  /// The node that has it now in place of this one; "" when this one has it still, or none.
  virtual Result<std::string> other_node_of(const Container& container,
                                            const system::Stop& stop) = 0;
};

}  // namespace drover::runtimes
