#include "agent/core/snapshot_name.h"

#include <algorithm>

#include "agent/core/ascii.h"

namespace drover {
namespace {

constexpr std::size_t kLeastSnapshotName = 2;
constexpr std::size_t kMostSnapshotName = 40;

}  // namespace

Result<> check_snapshot_name(std::string_view name) {
  const bool fits = name.size() >= kLeastSnapshotName && name.size() <= kMostSnapshotName &&
                    is_letter(name.front()) && std::all_of(name.begin(), name.end(), [](char c) {
                      return is_alphanumeric(c) || c == '_' || c == '-';
                    });
  if (!fits) {
    return fail(Code::invalid,
                "\"{}\" is no name of a snapshot: {} to {} of letters, digits, '_' and '-', a "
                "letter first",
                name.substr(0, 80), kLeastSnapshotName, kMostSnapshotName);
  }
  if (name == "current") {
    return fail(Code::invalid,
                "\"current\" is no name of a snapshot: it stands for the container as it is now");
  }
  if (name == "vzdump") {
    return fail(Code::invalid,
                "\"vzdump\" is no name of a snapshot: that of a backup is called so");
  }
  return {};
}

}  // namespace drover
