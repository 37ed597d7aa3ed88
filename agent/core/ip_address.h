// IP addresses as text.
#pragma once

#include <string>

namespace drover {

/// IPv4 or IPv6, as "192.0.2.10".
bool is_address(const std::string& text);
/// The same with its prefix length, as "192.0.2.10/24".
bool is_cidr(const std::string& text);
/// Such a one that a host can have, with room for another beside it in its subnet: not the subnet's
/// own or its broadcast address, and neither loopback nor multicast.
bool is_host_cidr(const std::string& text);
/// Whether an address can be in the subnets of both.
bool overlap(const std::string& cidr, const std::string& other);

}  // namespace drover
