// TaskProgress: how far a task of Proxmox is, as its log tells it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drover::proxmox {

struct TaskProgress {
  std::string task;              ///< its type, "vzdump"
  std::optional<int> percent{};  ///< 0 to 100; none where its log does not say
  std::string line;              ///< the last one of its log
  std::string mode{};            ///< of a backup, once its log has told it: see backup_mode_in
  bool operator==(const TaskProgress&) const = default;
};

/// The last percentage in a line such as "INFO:  12% (1.2 GiB of 10.0 GiB)" or "transferred 1.0 GiB
/// of 4.0 GiB (25.10%)", rounded down; none where it has none of 0 to 100.
std::optional<int> percent_in(std::string_view line);

/// What a backup really does to its guest, whatever was asked for: "suspend" in a line "INFO:
/// backup mode: suspend", which Proxmox makes of "snapshot" where a storage keeps none
/// (pve-manager, PVE/VZDump.pm); "" in any other.
std::string_view backup_mode_in(std::string_view line);

}  // namespace drover::proxmox
