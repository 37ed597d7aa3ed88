// InputServer: the monitor's side of a session's socket (session_socket.h).
#pragma once

#include <poll.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/terminal_size.h"
#include "agent/system/unique_fd.h"

namespace drover::runtimes {

/// For one thread, which polls what `watch` adds and hands the answers to `handle`. Of whoever
/// sends more than the program reads nothing more is taken until it does; others are heard
/// meanwhile. What somebody has left here who is gone is given before anything of whoever comes
/// after it: that may be the same sender, who goes on.
class InputServer {
 public:
  struct Deeds {
    std::function<void(const TerminalSize&)> resize;
    std::function<void()> end;
  };
  /// `listener` is what `listen_at` has made.
  InputServer(system::UniqueFd listener, Deeds deeds)
      : deeds_(std::move(deeds)), listener_(std::move(listener)) {}

  /// What the program reads from, made non-blocking. Until then, and without one, nobody can write
  /// to it. A terminal's does not end. `most` bytes are written at once.
  void serve(system::UniqueFd input, bool is_terminal, std::size_t most = SIZE_MAX);
  /// False once its standard input has ended.
  bool serves() const { return input_.valid(); }

  void watch(std::vector<pollfd>& fds);
  /// `fds` as poll has left them, in which `watch` added the first of its own at `first`.
  void handle(const std::vector<pollfd>& fds, std::size_t first);

 private:
  struct Connection {
    system::UniqueFd socket;
    bool gone = false;      ///< its other end is closed: nothing comes but what lies there
    std::string waiting{};  ///< for the program to read it
    bool finishes = false;  ///< that was the end of the input
    bool is_taken_up() const { return waiting.empty() && !finishes; }
  };

  void accept_all();
  void note_who_is_gone();
  /// False when it is to be closed.
  bool take_record(Connection& connection);
  bool act_on(Connection& connection, std::string_view record);
  /// Gives the program what waits, unless somebody's comes first. False when the connection is to
  /// be closed.
  bool give(Connection& connection);
  /// Somebody is gone who came before, and not all of it is given.
  bool has_its_turn(const Connection& connection) const;

  Deeds deeds_;
  system::UniqueFd input_;
  bool is_terminal_ = false;
  std::size_t most_ = SIZE_MAX;
  std::vector<Connection> connections_;
  /// Goes before those, so that whoever has seen his connection's end finds nobody listening.
  system::UniqueFd listener_;
};

}  // namespace drover::runtimes
