// Capabilities of Linux by their names (capabilities(7)).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

/// Stands for every one of them.
inline constexpr std::string_view kEveryCapability = "ALL";

/// "CAP_NET_ADMIN" of "CAP_NET_ADMIN" or "NET_ADMIN", and kEveryCapability; nothing when it is none
/// that Linux 6.1 has.
std::optional<std::string> capability_from(std::string_view name);

/// All of them by their whole names, in the order of their numbers.
std::vector<std::string> every_capability();

/// Whether each container has it unless its job drops it: Podman's default (containers.conf(5)).
bool is_usual_capability(std::string_view name);

}  // namespace drover
