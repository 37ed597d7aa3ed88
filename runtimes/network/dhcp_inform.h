// What a DHCP server says of resolvers. The CNI plugin dhcp asks for an address and passes nothing
// else on, so the server is asked once more, by DHCPINFORM, for which it keeps nothing (RFC 2131,
// 3.4 and 4.4.3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/name_spec.h"
#include "agent/system/file.h"
#include "agent/system/stop.h"

namespace drover::runtimes {

/// Of one who has `address` already (without its prefix length); `mac`: "02:00:00:00:00:01".
std::string dhcp_inform(std::uint32_t transaction, const std::string& address,
                        const std::string& mac);

/// What a packet says that is a server's answer to that: its resolvers, at most 3, and its domain.
/// None of any other, and no name that is none.
std::optional<DnsSpec> read_dhcp_answer(std::string_view packet, std::uint32_t transaction);

/// Asks from within the namespace, by its interface, and waits for two seconds. `unavailable` when
/// no server answers.
Result<DnsSpec> ask_for_resolvers(const system::Path& netns, const std::string& interface,
                                  const std::string& address, const std::string& mac,
                                  const system::Stop& stop);

}  // namespace drover::runtimes
