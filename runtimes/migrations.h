// Migrations: containers that move to another node of a cluster, where a runtime has them move.
#pragma once

#include <string>

#include "agent/system/stop.h"
#include "runtimes/container.h"

namespace drover::runtimes {

struct MigrationWish {
  std::string node;     ///< as the cluster calls it
  std::string storage;  ///< there, of all its volumes; "" for those they are on here
};

/// The same rules as for Runtime's verbs hold.
class Migrations {
 public:
  virtual ~Migrations() = default;

  /// Why it could not move there, as far as that can be told while its program runs: the node is
  /// this one (`invalid`), none of the cluster (`not_found`) or offline (`unavailable`), or
  /// somebody else decides where it is (`conflict`).
  virtual Result<> check_migration(const Container& container, const std::string& node,
                                   const system::Stop& stop) = 0;
  /// Moves it with its volumes, and returns what went wrong all the same; "" for nothing. This node
  /// has it no more then, and after an error it still has. One that is there already is success,
  /// and one that is not at rest a `conflict`. On `stop` it goes on by itself, and `settle` waits
  /// for it.
  virtual Result<std::string> migrate(const Container& container, const MigrationWish& wish,
                                      const system::Stop& stop) = 0;
  /// Starts the program of one that has moved. One that runs there is success.
  virtual Result<> start_there(const Container& container, const std::string& node,
                               const system::Stop& stop) = 0;
  /// The node that has it now in place of this one; "" when this one has it still, or none.
  virtual Result<std::string> other_node_of(const Container& container,
                                            const system::Stop& stop) = 0;
};

}  // namespace drover::runtimes
