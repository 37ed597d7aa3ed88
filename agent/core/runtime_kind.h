// RuntimeKind: the ways to run a container.
#pragma once

#include <optional>
#include <string_view>

namespace drover {

enum class RuntimeKind { runc, crun, lxc, pve_lxc };

std::string_view to_string(RuntimeKind kind);
std::optional<RuntimeKind> runtime_kind_from(std::string_view name);

}  // namespace drover
