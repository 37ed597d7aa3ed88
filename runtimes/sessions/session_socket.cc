#include "runtimes/sessions/session_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace drover::runtimes {
namespace {

constexpr int kWaiting = 128;
/// Several records of input, as nobody waits for each of them to be taken.
constexpr int kRoom = 128 << 10;

system::UniqueFd make_socket() {
  system::UniqueFd made(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (made.valid()) {
    setsockopt(made.get(), SOL_SOCKET, SO_SNDBUF, &kRoom, sizeof kRoom);
  }
  return made;
}

/// An address has 108 bytes, of which a path needs all too easily more.
sockaddr_un address_in(const system::UniqueFd& folder, std::string_view name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/{}", folder.get(), name);
  path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  return address;
}

}  // namespace

Result<system::UniqueFd> listen_at(const system::Path& folder) {
  const system::UniqueFd there(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  system::UniqueFd made = make_socket();
  const sockaddr_un address = address_in(there, "socket");
  unlinkat(there.get(), "socket", 0);
  if (!there.valid() || !made.valid() ||
      bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(made.get(), kWaiting) != 0) {
    return fail(Code::broken, "make the socket in {}: {}", folder.native(), std::strerror(errno));
  }
  return made;
}

Result<system::UniqueFd> connect_to(const system::Path& folder, std::string_view name) {
  const system::UniqueFd there(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!there.valid()) {
    return errno == ENOENT
               ? Result<system::UniqueFd>(system::UniqueFd())
               : fail(Code::broken, "open {}: {}", folder.native(), std::strerror(errno));
  }
  system::UniqueFd made = make_socket();
  const sockaddr_un address = address_in(there, name);
  if (made.valid() &&
      connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return made;
  }
  if (errno == ECONNREFUSED || errno == ENOENT) {
    return system::UniqueFd();
  }
  return fail(errno == EAGAIN ? Code::unavailable : Code::broken,
              "connect to the monitor in {}: {}", folder.native(), std::strerror(errno));
}

Result<> send_record(int socket, SessionRecord record, std::string_view content) {
  char letter = static_cast<char>(record);
  std::array<iovec, 2> parts = {
      {{&letter, 1}, {const_cast<char*>(content.data()), content.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  for (;;) {
    if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
      return {};
    }
    if (errno == EINTR) {
      continue;
    }
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) {
      return fail(Code::not_found, "nobody is there to take it any more");
    }
    const bool is_full = errno == EAGAIN || errno == ENOBUFS;
    return fail(is_full ? Code::unavailable : Code::broken, "send to its monitor: {}",
                std::strerror(errno));
  }
}

Result<> send_size(int socket, const TerminalSize& size) {
  return send_record(socket, SessionRecord::resize, fmt::format("{} {}", size.columns, size.rows));
}

}  // namespace drover::runtimes
