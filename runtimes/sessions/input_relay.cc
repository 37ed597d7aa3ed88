#include "runtimes/sessions/input_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <vector>

#include "agent/core/json.h"
#include "runtimes/sessions/input_server.h"
#include "runtimes/sessions/session_socket.h"

namespace drover::runtimes {
namespace {

/// conmon reads 32767 bytes of a record and drops the rest (CONN_SOCK_BUF_SIZE of 2.1).
constexpr std::size_t kMostForMonitor = 8192;

bool has_terminal(const system::Path& bundle) {
  const Result<std::string> text = system::read_file(bundle / "config.json");
  const Result<json::Value> spec = text ? json::parse(*text) : Failure(text.error());
  return spec && spec->at("process").at("terminal").boolean_or(false);
}

/// Throws away what the program prints, which comes here, too: conmon waits until it is read. (It
/// is not told that nobody reads it: conmon 2.1 then forgets the connection before it ends the
/// input.) False when conmon has ended.
bool drain_output(int connection) {
  std::array<char, 256> nothing;
  ssize_t got = 0;
  while ((got = recv(connection, nothing.data(), nothing.size(), MSG_DONTWAIT)) > 0) {
  }
  return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/// Until the program and its monitor have ended.
void drain_to_end(int connection) {
  do {
    pollfd ready{connection, POLLIN, 0};
    poll(&ready, 1, -1);
  } while (drain_output(connection));
}

/// It closes what the program reads from when this end of the connection is shut down. One that is
/// closed while some of the program's output lies in it unread is an error to conmon's read
/// (ECONNRESET, unix(7)), by which the program's input stays open.
void relay(system::UniqueFd monitor, system::UniqueFd listener, const system::Path& bundle) {
  const system::UniqueFd connection(fcntl(monitor.get(), F_DUPFD_CLOEXEC, 0));
  std::optional<InputServer> server;
  server.emplace(std::move(listener), InputServer::Deeds{[](const TerminalSize&) {}, [] {}});
  server->serve(std::move(monitor), has_terminal(bundle), kMostForMonitor);
  while (server->serves()) {
    std::vector<pollfd> fds = {{connection.get(), POLLIN, 0}};
    server->watch(fds);
    if (poll(fds.data(), fds.size(), -1) < 0) {
      continue;
    }
    if (fds[0].revents != 0 && !drain_output(connection.get())) {
      return;
    }
    server->handle(fds, 1);
  }
  shutdown(connection.get(), SHUT_WR);
  [[maybe_unused]] const Result<> noted =
      system::write_atomically(input_ended_note(bundle), "", 0600);
  server.reset();
  drain_to_end(connection.get());
}

}  // namespace

void relay_input(const system::Path& bundle, system::UniqueFd listener,
                 const system::Started& started) {
  std::signal(SIGPIPE, SIG_IGN);
  Result<system::UniqueFd> monitor = connect_to(bundle, "attach");
  if (!monitor || !monitor->valid()) {
    started(monitor ? fail(Code::not_found, "its monitor has ended") : Failure(monitor.error()));
    return;
  }
  started({});
  relay(std::move(*monitor), std::move(listener), bundle);
}

}  // namespace drover::runtimes
