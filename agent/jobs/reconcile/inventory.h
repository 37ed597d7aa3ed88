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

/// What a part has now.
struct Listing {
  std::vector<Thing> things;
  std::set<std::string> places;  ///< where it has looked, also where nothing is
};

/// Asked at last, while nobody can begin to use a thing: whether it may go still.
using MayGo = std::function<Result<bool>()>;

/// One kind of things, in one place or ("") in several. Both functions block and may be called from
/// any thread, and end soon after `stop`.
struct Part {
  std::string label;  ///< "containers of runc", for messages
  std::string kind;
  std::string place;
  std::function<Result<Listing>(const system::Stop& stop)> list;
  /// Takes one away that `list` has given. Absent is success, as is one that may not go, of which
  /// `may_go` is asked only where jobs could begin to use it meanwhile.
  std::function<Result<>(const Thing& thing, const MayGo& may_go, const system::Stop& stop)> remove;
};

/// All parts in the order in which things are taken away: what runs before what it stands on.
/// `node` must outlive them.
std::vector<Part> inventory_parts(const Node& node);

}  // namespace drover::jobs
