#include "agent/jobs/queries/inner_port.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "agent/jobs/inner_network.h"
#include "agent/system/inner_connection.h"

namespace drover::jobs {
namespace {

/// A loopback answers at once, unless whoever listens has no room for another.
constexpr int kAnswersWithinMs = 200;

Result<> check_own_network(const system::Path& netns, const runtimes::Container& container) {
  struct stat inner {};
  struct stat own {};
  if (stat(netns.c_str(), &inner) != 0 || stat("/proc/self/ns/net", &own) != 0) {
    return fail(Code::not_found, "container {} has no network that could be entered: {}",
                container.name.str(), std::strerror(errno));
  }
  return inner.st_ino != own.st_ino || inner.st_dev != own.st_dev
             ? Result<>()
             : fail(Code::refused,
                    "container {} has the node's own network, whose ports are not its own",
                    container.name.str());
}

/// 0, EINPROGRESS or why not.
int connect_to(const system::UniqueFd& socket, int family, std::uint16_t port) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_addr = in6addr_loopback;
  const int done = family == AF_INET
                       ? connect(socket.get(), reinterpret_cast<const sockaddr*>(&four),  // NOLINT
                                 sizeof four)
                       : connect(socket.get(), reinterpret_cast<const sockaddr*>(&six),  // NOLINT
                                 sizeof six);
  if (done == 0 || errno != EINPROGRESS) {
    return done == 0 ? 0 : errno;
  }
  pollfd ready{socket.get(), POLLOUT, 0};
  if (poll(&ready, 1, kAnswersWithinMs) <= 0) {
    return EINPROGRESS;
  }
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace

Result<system::UniqueFd> connect_to_port(const runtimes::Container& container,
                                         runtimes::Runtime& runtime, std::uint16_t port,
                                         const system::Stop& stop) {
  const system::Path netns = TRY(inner_network(container, runtime, stop));
  TRY(check_own_network(netns, container));
  int why = ECONNREFUSED;
  for (const int family : {AF_INET, AF_INET6}) {
    Result<system::UniqueFd> socket = system::socket_within(netns, family);
    if (!socket && socket.error().code == Code::conflict) {
      continue;  // it has no IPv6
    }
    if (!socket) {
      return socket;
    }
    const int error = connect_to(*socket, family, port);
    if (error == 0 || error == EINPROGRESS) {
      // What is typed is to arrive, and not to wait for more.
      const int on = 1;
      setsockopt(socket->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return socket;
    }
    why = family == AF_INET ? error : why;
  }
  return fail(Code::conflict, "connect to port {} in container {}: {}{}", port,
              container.name.str(), std::strerror(why),
              why == ECONNREFUSED ? ": no program listens there on 127.0.0.1 or ::1" : "");
}

}  // namespace drover::jobs
