// SilentServer: a port of 127.0.0.1 behind which nobody says a word.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "agent/system/unique_fd.h"

namespace drover::fakes {

class SilentServer {
 public:
  /// What the kernel takes of connections for it, nobody ever answers.
  SilentServer() : socket_(bound()) { EXPECT_EQ(listen(socket_.get(), 8), 0); }
  std::string url() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    EXPECT_EQ(getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return "https://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }

 private:
  static system::UniqueFd bound() {
    system::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return socket;
  }

  system::UniqueFd socket_;
};

}  // namespace drover::fakes
