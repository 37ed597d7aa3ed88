// IP addresses as text.
#pragma once

#include <string>

namespace drover {

/// IPv4 or IPv6, as "192.0.2.10".
bool is_address(const std::string& text);
/// The same with its prefix length, as "192.0.2.10/24".
bool is_cidr(const std::string& text);

}  // namespace drover
