// Listener: a port of loopback that takes connections; nobody says a word behind it unless somebody
// accepts them.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "agent/system/unique_fd.h"

namespace drover::fakes {

class Listener {
 public:
  explicit Listener(const char* address = "127.0.0.1")
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), address_(address) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    EXPECT_EQ(inet_pton(AF_INET, address, &at.sin_addr), 1);
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(listen(socket_.get(), 8), 0);
  }
  std::string url() const {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    EXPECT_EQ(getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    return "https://" + address_ + ":" + std::to_string(ntohs(at.sin_port));
  }
  /// For whoever accepts.
  int fd() const { return socket_.get(); }

 private:
  system::UniqueFd socket_;
  const std::string address_;
};

}  // namespace drover::fakes
