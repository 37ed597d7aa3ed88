#include "agent/system/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "agent/system/unique_fd.h"

namespace drover::system {
namespace {

/// 0, or why it cannot be bound.
int bind_error(const sockaddr* address, socklen_t size, bool udp) {
  const UniqueFd fd(socket(address->sa_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    return errno;
  }
  // What has ended and waits for its last packets has it no more.
  const int one = 1;
  if (!udp) {
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  }
  return bind(fd.get(), address, size) == 0 ? 0 : errno;
}

}  // namespace

Result<bool> is_port_taken(const std::string& address, std::uint16_t port, bool udp) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  const bool is_six = inet_pton(AF_INET6, address.c_str(), &six.sin6_addr) == 1;
  if (!is_six && !address.empty() && inet_pton(AF_INET, address.c_str(), &four.sin_addr) != 1) {
    return fail(Code::invalid, "\"{}\" is no IP address", address);
  }
  const int error = is_six ? bind_error(reinterpret_cast<const sockaddr*>(&six), sizeof six, udp)
                           : bind_error(reinterpret_cast<const sockaddr*>(&four), sizeof four, udp);
  switch (error) {
    case 0:
      return false;
    case EADDRINUSE:
      return true;
    case EADDRNOTAVAIL:
      return fail(Code::not_found, "publish at {}: this node has no such address", address);
    default:
      return fail(Code::broken, "ask for port {} at \"{}\": {}", port, address,
                  std::strerror(error));
  }
}

}  // namespace drover::system
