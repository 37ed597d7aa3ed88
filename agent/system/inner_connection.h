// InnerConnection: TCP from within another network namespace.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "agent/system/file.h"
#include "agent/system/stop.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

/// A TCP socket (or of another `type`) of `family` (AF_INET, AF_INET6) that belongs to the
/// namespace `file` stands for, and does not block. It stays there whoever uses it: only a thread
/// of its own, which ends at once, enters the namespace. `not_found` when there is no such
/// namespace.
Result<UniqueFd> socket_within(const Path& file, int family, int type = SOCK_STREAM);

/// Connected to `address`, an IP address without prefix. `conflict` when nobody there takes the
/// connection.
Result<UniqueFd> connect_within(const Path& file, const std::string& address, std::uint16_t port,
                                const Stop& stop);

/// Waits until `fd` has some of `events` (POLLIN, ...). `cancelled` on `stop`; `what` says what
/// for.
Result<> wait_for(int fd, short events, const Stop& stop, std::string_view what);

}  // namespace drover::system
