#include "runtimes/sessions/session_input.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "runtimes/sessions/session_socket.h"

namespace drover::runtimes {

Result<> check_reads_input(const Container& container) {
  return container.spec.input
             ? Result<>()
             : fail(Code::conflict,
                    "the program of container {} reads no input: its spec does not have \"stdin\"",
                    container.name.str());
}

Result<> check_has_terminal(const Container& container) {
  return container.spec.terminal ? Result<>()
                                 : fail(Code::conflict,
                                        "the program of container {} has no terminal: its spec "
                                        "does not have \"terminal\"",
                                        container.name.str());
}

Result<std::size_t> SessionInput::write(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    // Asked before each record, though there might be room: poll says so only while a quarter of
    // it is filled at most, so that what the caller is told and what poll tells are the same, and
    // there is always room for the record of the end.
    pollfd room{socket_.get(), POLLOUT, 0};
    poll(&room, 1, 0);
    if ((room.revents & POLLOUT) == 0 && (room.revents & (POLLHUP | POLLERR)) == 0) {
      break;
    }
    const std::string_view record = bytes.substr(taken, kMostInput);
    const Result<> sent = send_record(socket_.get(), SessionRecord::input, record);
    if (!sent && sent.error().code == Code::unavailable) {
      break;
    }
    TRY(sent);
    taken += record.size();
  }
  return taken;
}

void SessionInput::drain() {
  std::array<char, 256> nothing;
  while (recv(socket_.get(), nothing.data(), nothing.size(), MSG_DONTWAIT) > 0) {
  }
}

Result<> SessionInput::finish() {
  return send_record(socket_.get(), SessionRecord::finish);
}

}  // namespace drover::runtimes
