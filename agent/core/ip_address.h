// IP addresses as text.
#pragma once

#include <cstdint>
#include <string>

namespace drover {

/// IPv4 or IPv6, as "192.0.2.10".
bool is_address(const std::string& text);
/// The same with its prefix length, as "192.0.2.10/24".
bool is_cidr(const std::string& text);
/// Such a one that a host can have, with room for another beside it in its subnet: not the subnet's
/// own or its broadcast address, and neither loopback nor multicast.
bool is_host_cidr(const std::string& text);
/// Such a one that a host can have, also where it is alone: with a prefix length of all bits, or of
/// all but one.
bool is_assignable(const std::string& cidr);
/// The address alone, of one with or without a prefix length, and always written the same way; ""
/// of what is none.
std::string address_of(const std::string& text);
/// "192.0.2.1/24" as "192.0.2.0/24"; "" of what is none.
std::string subnet_of(const std::string& cidr);
/// The subnet's own address and `offset` more, alone; "" beyond its end.
std::string address_in(const std::string& cidr, std::uint32_t offset);
/// How many addresses it has; 2^20 of one with more.
std::uint32_t addresses_in(const std::string& cidr);
/// Whether every address of `cidr`, or it alone where it has no prefix length, is in the subnet.
bool lies_in(const std::string& cidr, const std::string& subnet);
/// Whether an address can be in the subnets of both.
bool overlap(const std::string& cidr, const std::string& other);

}  // namespace drover
