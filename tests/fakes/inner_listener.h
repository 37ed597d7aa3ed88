// InnerListener: a server in another network namespace, on its loopback.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "agent/system/inner_connection.h"

namespace drover::fakes {

/// Takes connections, and where it was given an answer, reads something from each and answers.
/// Without one it keeps them waiting.
class InnerListener {
 public:
  InnerListener(const system::Path& netns, std::uint16_t port, std::string answer = "")
      : socket_(system::socket_within(netns, AF_INET).value()), answer_(std::move(answer)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int yes = 1;
    setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
        << std::strerror(errno);
    EXPECT_EQ(listen(socket_.get(), 16), 0) << std::strerror(errno);
    if (!answer_.empty()) {
      thread_ = std::thread([this] { serve(); });
    }
  }
  ~InnerListener() {
    stop_.request();
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  InnerListener(const InnerListener&) = delete;
  InnerListener& operator=(const InnerListener&) = delete;

  /// Somebody's connection waits to be taken.
  bool has_visitor() const {
    pollfd fd{socket_.get(), POLLIN, 0};
    return poll(&fd, 1, 5000) == 1;
  }
  /// What the last visitor has sent. After it got its answer.
  std::string request() {
    const std::lock_guard lock(mutex_);
    return request_;
  }

 private:
  void serve() {
    while (system::wait_for(socket_.get(), POLLIN, stop_, "serve")) {
      const system::UniqueFd visitor(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::array<char, 4096> buffer{};
      const ssize_t size = recv(visitor.get(), buffer.data(), buffer.size(), 0);
      if (size > 0) {
        {
          const std::lock_guard lock(mutex_);
          request_.assign(buffer.data(), static_cast<std::size_t>(size));
        }
        send(visitor.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
      }
    }
  }

  system::UniqueFd socket_;
  std::string answer_;
  system::Stop stop_;
  std::mutex mutex_;
  std::string request_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace drover::fakes
