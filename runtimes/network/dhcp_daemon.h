// The daemon of the CNI plugin dhcp (containernetworking-plugins: `dhcp daemon`): it asks DHCP
// servers for addresses of containers and renews their leases.
//
// What it holds it has in its memory alone, so that one that was started anew knows no lease and
// renews none. Which one it is tells its process. It must not be started by its socket: of a socket
// of systemd's the kernel would name systemd as the one who listens.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::runtimes {

inline constexpr std::string_view kDhcpPlugin = "dhcp";
/// In place of a lease's keeper: it was given up, and no server has given it anew.
inline constexpr std::string_view kNobody = "nobody";
/// Its unit in the package.
inline constexpr std::string_view kDhcpUnit = "drover-cni-dhcp";

/// The process that listens at the socket, as "PID START" (process.h); `unavailable`, saying what
/// to do, when none does. The kernel answers at once: any thread, the loop's, too.
Result<std::string> dhcp_daemon(const system::Path& socket);

}  // namespace drover::runtimes
