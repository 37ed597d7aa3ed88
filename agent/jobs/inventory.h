// Inventory: everything on this node that was made for containers, whoever knows it still.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "agent/jobs/node.h"

namespace drover::jobs {

/// One thing that was found. Only what is ours by its stamp or its place is a thing at all.
struct Thing {
  std::string kind;       ///< "container", "mount", "volume", ... (docs/events.md)
  std::string place;      ///< the runtime, the storage; "" where there is one place only
  std::string name;       ///< as those call it who keep it: of a guest its number
  std::string container;  ///< "" when it does not tell
  std::string job;        ///< stamp of the job that made it; "" when it carries none
  bool operator==(const Thing&) const = default;
};

/// One kind of things in one place. Both functions block and may be called from any thread, and end
/// soon after `stop`.
struct Part {
  std::string label;  ///< "containers of runc", for messages
  std::string kind;
  std::string place;
  std::function<Result<std::vector<Thing>>(const system::Stop& stop)> list;
  /// Takes one away that `list` has given. Absent is success.
  std::function<Result<>(const Thing& thing, const system::Stop& stop)> remove;
  /// Where `list` looks now, of a part with several places; none where it is `place` alone.
  std::function<Result<std::set<std::string>>(const system::Stop& stop)> places{};
};

/// All parts in the order in which things are taken away: what runs before what it stands on.
/// `node` must outlive them.
std::vector<Part> inventory_parts(const Node& node);

}  // namespace drover::jobs
