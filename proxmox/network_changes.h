// NetworkChanges: what of a node's network configuration is written and not yet applied.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace drover::proxmox {

/// By the names of the interfaces. Blank lines, the order of options and the file's heading do not
/// count: the API writes all of them anew at its first change.
struct NetworkChanges {
  std::set<std::string> interfaces;  ///< come, go or change
  std::set<std::string> come;        ///< those of them that were not there before
  bool beyond = false;               ///< also lines whose interface the text does not tell

  bool empty() const { return interfaces.empty() && !beyond; }
  /// Whether nothing but this interface changes; also when nothing does.
  bool only(const std::string& interface) const;
  /// "vmbr1, vmbr2" for messages.
  std::string str() const;
};

/// Of the API's "changes": a unified diff of interfaces(5). "" has none. What cannot be told from
/// the text is `beyond`.
NetworkChanges read_network_changes(std::string_view diff);

}  // namespace drover::proxmox
