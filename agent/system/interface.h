// Interface: a network interface of this process's network namespace.
#pragma once

#include <string>

namespace drover::system {

/// Whether the kernel has it. It answers at once: any thread, as below.
bool has_interface(const std::string& name);
/// Whether it has it, and somebody has set it up; false also when that cannot be known.
bool interface_is_up(const std::string& name);

}  // namespace drover::system
