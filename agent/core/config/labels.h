// The configuration's member "labels": by what a dispatcher finds this node.
#pragma once

#include <map>
#include <string>

#include "agent/core/fields.h"

namespace drover {

/// The member, with every fault in it. At most 64 labels, as of containers; names of 1 to 63 and
/// values of at most 255 bytes in one line, which a target's expression can all name
/// (docs/dispatch.md). None is called "name", which is the node's name there.
std::map<std::string, std::string> read_node_labels(Fields& fields);

}  // namespace drover
