#include "agent/system/journal.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace drover::system {
namespace {

constexpr int kPatienceMs = 1000;

/// As the journal takes it (systemd's docs/JOURNAL_NATIVE_PROTOCOL.md): "NAME=VALUE\n", or where
/// the value has line breaks "NAME\n", its length in eight bytes of little endian, and the value.
void append_field(std::string& entry, std::string_view field) {
  const std::size_t equals = field.find('=');
  const std::string_view value = field.substr(equals + 1);
  if (value.find('\n') == std::string_view::npos) {
    entry.append(field);
  } else {
    entry.append(field.substr(0, equals)).append(1, '\n');
    for (std::uint64_t rest = value.size(), byte = 0; byte < sizeof rest; ++byte, rest >>= 8U) {
      entry.push_back(static_cast<char>(rest & 0xffU));
    }
    entry.append(value);
  }
  entry.push_back('\n');
}

}  // namespace

bool has_journal() {
  struct stat found {};
  return stat(kJournalSocket, &found) == 0 && S_ISSOCK(found.st_mode);
}

Result<> JournalSender::connect() {
  socket_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string_view(kJournalSocket)
      .copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  if (!socket_.valid() ||
      ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    socket_.reset();
    return fail(Code::unavailable, "connect to the journal: {}", std::strerror(error));
  }
  return {};
}

Result<> JournalSender::send(const std::vector<std::string>& fields) {
  std::string entry;
  for (const std::string& field : fields) {
    append_field(entry, field);
  }
  // Once more where it was begun anew meanwhile.
  bool may_connect = true;
  for (;;) {
    if (!socket_.valid()) {
      TRY(connect());
      may_connect = false;
    }
    if (::send(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL) >= 0) {
      is_stuck_ = false;
      return {};
    }
    const int error = errno;
    if (error == EAGAIN && !is_stuck_) {
      pollfd room{socket_.get(), POLLOUT, 0};
      is_stuck_ = poll(&room, 1, kPatienceMs) == 0;
    } else if (error == EAGAIN) {
      return fail(Code::unavailable, "the journal takes nothing");
    } else if (error != EINTR) {
      socket_.reset();
      if (!may_connect) {
        return fail(Code::unavailable, "send to the journal: {}", std::strerror(error));
      }
    }
  }
}

}  // namespace drover::system
