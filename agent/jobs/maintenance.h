// Maintenance: an administrator has told Proxmox's HA manager to take services away from this node.
// It takes no new containers then, as one that is drained, and takes them again when that ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/jobs/journal/journal.h"

namespace drover::jobs {

struct Maintenance {
  std::int64_t since_unix_ms = 0;
  std::string node;  ///< as Proxmox calls this one
};

/// As it was noted last, also by an earlier agent; none for a node that is in no maintenance. Both
/// belong to the loop's thread.
Result<std::optional<Maintenance>> maintenance(Journal& journal);
Result<> set_maintenance(Journal& journal, const std::optional<Maintenance>& maintenance);

/// What ends it.
std::string command_to_end(const Maintenance& maintenance);

}  // namespace drover::jobs
