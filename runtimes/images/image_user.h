// The user of a program inside an image, from a name or a number.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::runtimes {

struct ImageUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> additional_gids;  ///< of the groups that name the user as a member
  bool operator==(const ImageUser&) const = default;
};

/// `text` is "", "USER" or "USER:GROUP", each a name or a number; "" is root. Names are looked up
/// in etc/passwd and etc/group below `rootfs`, never leaving it. Without ":GROUP" the group is the
/// user's own, and 0 for a number that has no entry; with it there are no additional groups.
/// `invalid` for a name that the image does not have.
Result<ImageUser> find_image_user(const system::Path& rootfs, std::string_view text);

}  // namespace drover::runtimes
