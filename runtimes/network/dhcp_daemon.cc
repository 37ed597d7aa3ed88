#include "runtimes/network/dhcp_daemon.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "agent/system/process.h"
#include "agent/system/unique_fd.h"

namespace drover::runtimes {

Result<std::string> dhcp_daemon(const system::Path& socket) {
  const auto nobody = [&socket](int error) {
    return fail(Code::unavailable,
                "no daemon of the CNI plugin dhcp, which keeps leases, answers at {} ({}): "
                "systemctl enable --now {}",
                socket.native(), std::strerror(error), kDhcpUnit);
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.native().size() >= sizeof address.sun_path) {
    return nobody(ENAMETOOLONG);
  }
  std::memcpy(address.sun_path, socket.c_str(), socket.native().size());
  const system::UniqueFd connection(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* const target = reinterpret_cast<const sockaddr*>(&address);
  if (!connection.valid() || connect(connection.get(), target, sizeof address) != 0) {
    return nobody(errno);
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return nobody(errno);
  }
  return fmt::format("{} {}", peer.pid, system::start_time_of(peer.pid).value_or(0));
}

}  // namespace drover::runtimes
