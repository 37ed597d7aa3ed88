#include "agent/core/snapshot_name.h"

#include <algorithm>

namespace drover {
namespace {

constexpr std::size_t kLeastSnapshotName = 2;
constexpr std::size_t kMostSnapshotName = 40;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

Result<> check_snapshot_name(std::string_view name) {
  const bool fits = name.size() >= kLeastSnapshotName && name.size() <= kMostSnapshotName &&
                    is_letter(name.front()) && std::all_of(name.begin(), name.end(), [](char c) {
                      return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
                    });
  if (!fits) {
    return fail(Code::invalid,
                "\"{}\" is no name of a snapshot: {} to {} of letters, digits, '_' and '-', a "
                "letter first",
                name.substr(0, 80), kLeastSnapshotName, kMostSnapshotName);
  }
  if (name == "current" || name == "vzdump") {
    return fail(Code::invalid, "\"{}\" is no name of a snapshot: Proxmox keeps it for itself",
                name);
  }
  return {};
}

}  // namespace drover
