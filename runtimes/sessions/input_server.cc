#include "runtimes/sessions/input_server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "runtimes/sessions/session_socket.h"

namespace drover::runtimes {
namespace {

std::optional<TerminalSize> size_in(std::string_view text) {
  TerminalSize size;
  const char* const end = text.data() + text.size();
  const auto [blank, wrong] = std::from_chars(text.data(), end, size.columns);
  if (wrong != std::errc() || blank == end || *blank != ' ') {
    return std::nullopt;
  }
  const auto [stopped, error] = std::from_chars(blank + 1, end, size.rows);
  return error == std::errc() && stopped == end ? std::optional(size) : std::nullopt;
}

}  // namespace

void InputServer::serve(system::UniqueFd input, bool is_terminal, std::size_t most) {
  fcntl(input.get(), F_SETFL, fcntl(input.get(), F_GETFL) | O_NONBLOCK);
  input_ = std::move(input);
  is_terminal_ = is_terminal;
  most_ = most;
}

void InputServer::watch(std::vector<pollfd>& fds) {
  const bool waits = std::any_of(connections_.begin(), connections_.end(),
                                 [](const Connection& one) { return !one.is_taken_up(); });
  fds.push_back({listener_.get(), POLLIN, 0});
  fds.push_back({waits ? input_.get() : -1, POLLOUT, 0});
  for (const Connection& one : connections_) {
    // Whoever waits has no say: that he has gone is told all the time.
    fds.push_back({one.is_taken_up() ? one.socket.get() : -1, POLLIN, 0});
  }
}

void InputServer::handle(const std::vector<pollfd>& fds, std::size_t first) {
  std::vector<bool> goes_on(connections_.size(), true);
  for (std::size_t at = 0; at < connections_.size(); ++at) {
    Connection& one = connections_[at];
    if (!one.is_taken_up()) {
      goes_on[at] = fds[first + 1].revents == 0 || give(one);
    } else if (fds[first + 2 + at].revents != 0) {
      goes_on[at] = take_record(one);
    }
  }
  for (std::size_t at = connections_.size(); at-- > 0;) {
    // Another may have ended the input for which this one waits.
    if (!goes_on[at] || (!input_.valid() && !connections_[at].is_taken_up())) {
      connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  if (fds[first].revents != 0) {
    accept_all();
  }
}

void InputServer::accept_all() {
  for (;;) {
    system::UniqueFd socket(
        accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.valid()) {
      return;
    }
    note_who_is_gone();
    connections_.push_back({std::move(socket)});
  }
}

/// Asked when somebody comes, because a sender closes its connection before it makes another: later
/// the order of the two could not be known.
void InputServer::note_who_is_gone() {
  for (Connection& one : connections_) {
    pollfd end{one.socket.get(), POLLRDHUP, 0};
    one.gone = one.gone || poll(&end, 1, 0) > 0;
  }
}

bool InputServer::has_its_turn(const Connection& connection) const {
  return std::none_of(connections_.data(), &connection,
                      [](const Connection& one) { return one.gone; });
}

bool InputServer::take_record(Connection& connection) {
  std::array<char, kMostInput + 1> record;
  const ssize_t size = recv(connection.socket.get(), record.data(), record.size(), 0);
  if (size < 0) {
    return errno == EAGAIN || errno == EINTR;
  }
  return size > 0 &&
         act_on(connection, std::string_view(record.data(), static_cast<std::size_t>(size)));
}

bool InputServer::act_on(Connection& connection, std::string_view record) {
  const std::string_view content = record.substr(1);
  switch (static_cast<SessionRecord>(record.front())) {
    case SessionRecord::input:
      connection.waiting = content;
      return give(connection);
    case SessionRecord::finish:
      connection.finishes = !is_terminal_ && input_.valid();
      return !connection.finishes || give(connection);
    case SessionRecord::resize:
      if (const std::optional<TerminalSize> size = size_in(content)) {
        deeds_.resize(*size);
      }
      return true;
    case SessionRecord::end:
      deeds_.end();
      return true;
  }
  return true;
}

bool InputServer::give(Connection& connection) {
  if (!input_.valid()) {
    return false;
  }
  if (!has_its_turn(connection)) {
    return true;
  }
  if (connection.finishes) {
    input_.reset();
    connection.finishes = false;
    return true;
  }
  const ssize_t taken =
      ::write(input_.get(), connection.waiting.data(), std::min(connection.waiting.size(), most_));
  if (taken >= 0) {
    connection.waiting.erase(0, static_cast<std::size_t>(taken));
    return true;
  }
  if (errno == EAGAIN || errno == EINTR) {
    return true;
  }
  // It has closed its standard input, or ended.
  input_.reset();
  return false;
}

}  // namespace drover::runtimes
