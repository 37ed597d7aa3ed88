#include "agent/system/inner_connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

namespace drover::system {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);  // NOLINT: what the interface asks for
  }
};

Result<SocketAddress> socket_address(const std::string& address, std::uint16_t port) {
  SocketAddress result;
  sockaddr_in four{};
  sockaddr_in6 six{};
  if (inet_pton(AF_INET, address.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    std::memcpy(&result.storage, &four, sizeof four);
    result.size = sizeof four;
  } else if (inet_pton(AF_INET6, address.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    std::memcpy(&result.storage, &six, sizeof six);
    result.size = sizeof six;
  } else {
    return fail(Code::invalid, "connect to {}: it is no IP address", address);
  }
  return result;
}

}  // namespace

Result<UniqueFd> socket_within(const Path& file, int family, int type) {
  const UniqueFd there(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!there.valid()) {
    return fail(errno == ENOENT ? Code::not_found : Code::broken, "open network namespace {}: {}",
                file.native(), std::strerror(errno));
  }
  UniqueFd made;
  int error = 0;
  std::thread([&] {
    if (setns(there.get(), CLONE_NEWNET) != 0) {
      error = errno;
      return;
    }
    made.reset(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    error = made.valid() ? 0 : errno;
  }).join();
  if (!made.valid()) {
    return fail(error == EAFNOSUPPORT ? Code::conflict : Code::broken,
                "make a socket in network namespace {}: {}", file.native(), std::strerror(error));
  }
  return made;
}

Result<UniqueFd> connect_within(const Path& file, const std::string& address, std::uint16_t port,
                                const Stop& stop) {
  const SocketAddress to = TRY(socket_address(address, port));
  UniqueFd fd = TRY(socket_within(file, to.storage.ss_family));
  const std::string what = fmt::format("connect to {} port {}", address, port);
  int error = 0;
  if (connect(fd.get(), to.get(), to.size) != 0) {
    error = errno;
  }
  if (error == EINPROGRESS) {
    TRY(wait_for(fd.get(), POLLOUT, stop, what));
    socklen_t size = sizeof error;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) {
    return fail(Code::conflict, "{}: {}", what, std::strerror(error));
  }
  return fd;
}

Result<> wait_for(int fd, short events, const Stop& stop, std::string_view what) {
  std::array<pollfd, 2> fds{{{fd, events, 0}, {stop.fd(), POLLIN, 0}}};
  while (poll(fds.data(), fds.size(), -1) < 0) {
    if (errno != EINTR) {
      return fail(Code::broken, "{}: poll: {}", what, std::strerror(errno));
    }
  }
  return stop.check(what);
}

}  // namespace drover::system
