// RawZmtpPeer: speaks ZMTP 3.1 byte by byte, and so also what libzmq's own sockets would not.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/system/unique_fd.h"

namespace drover::fakes {

/// Of one unix socket, for one thread. Nothing of it throws: an end that the other side has closed
/// sends nothing and receives nothing.
class RawZmtpPeer {
 public:
  using milliseconds = std::chrono::milliseconds;
  using Properties = std::vector<std::pair<std::string, std::string>>;

  /// Connects, and says no more than that.
  explicit RawZmtpPeer(const std::filesystem::path& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    const void* at = &address;
    if (connect(fd_.get(), static_cast<const sockaddr*>(at), sizeof address) != 0) {
      fd_.reset();
    }
  }

  /// The whole greeting without security, and READY with these properties besides the socket's
  /// type. Waits for the other side's READY: libzmq hangs up on whoever says more before.
  void greet(std::string_view type, const Properties& more = {}) {
    std::string greeting("\xff\0\0\0\0\0\0\0\0\x7f\3\1NULL", 16);
    greeting.resize(64, '\0');
    std::string ready("\5READY", 6);
    Properties all = more;
    all.emplace_back("Socket-Type", type);
    for (const auto& [name, value] : all) {
      ready += static_cast<char>(name.size());
      ready += name;
      ready += size_of(value, 4);
      ready += value;
    }
    send(greeting + frame(ready, '\4'));
    std::string come;
    std::string buffer(256, '\0');
    while (come.find("READY") == std::string::npos && is_readable(milliseconds(kLongMs))) {
      const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        return;
      }
      come.append(buffer, 0, static_cast<std::size_t>(got));
    }
  }

  /// `flags`: 1 more frames follow, 4 a command.
  static std::string frame(std::string_view text, char flags = 0) {
    const bool is_long = text.size() > 255;
    std::string all(1, static_cast<char>(flags | (is_long ? 2 : 0)));
    return all + size_of(text, is_long ? 8 : 1) + std::string(text);
  }
  static std::string message(const std::vector<std::string>& frames) {
    std::string all;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      all += frame(frames[i], i + 1 < frames.size() ? '\1' : '\0');
    }
    return all;
  }
  /// The begin of a frame of so many bytes, of which none comes.
  static std::string announcement(std::uint64_t bytes) { return "\2" + number(bytes, 8); }

  /// False when the other side has hung up, or takes nothing for some seconds.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      pollfd ready{fd_.get(), POLLOUT, 0};
      if (poll(&ready, 1, kLongMs) != 1) {
        return false;
      }
      const ssize_t sent =
          ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// What comes until nothing does for `quiet`, or the other side hangs up: then the second is
  /// true.
  std::pair<std::string, bool> receive(milliseconds quiet) {
    std::string all;
    std::string buffer(std::size_t{1} << 18, '\0');
    for (;;) {
      if (!is_readable(quiet)) {
        return {all, false};
      }
      const ssize_t got = recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        return {all, true};
      }
      all.append(buffer, 0, static_cast<std::size_t>(got));
    }
  }
  bool is_hung_up_on() { return receive(milliseconds(kLongMs)).second; }

 private:
  static constexpr int kLongMs = 20'000;

  bool is_readable(milliseconds longest) const {
    pollfd ready{fd_.get(), POLLIN, 0};
    return poll(&ready, 1, static_cast<int>(longest.count())) == 1;
  }
  static std::string number(std::uint64_t value, int bytes) {
    std::string text;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
      text += static_cast<char>((value >> shift) & 0xff);
    }
    return text;
  }
  static std::string size_of(std::string_view text, int bytes) {
    return number(text.size(), bytes);
  }

  system::UniqueFd fd_;
};

}  // namespace drover::fakes
