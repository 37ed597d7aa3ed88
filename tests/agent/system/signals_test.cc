#include "agent/system/signals.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace drover::system {
namespace {

TEST(SignalsTest, AreReadAndEndNothing) {
  Signals signals{SIGTERM, SIGHUP};
  EXPECT_EQ(signals.next(), std::nullopt);
  kill(getpid(), SIGHUP);
  pollfd waiting{signals.fd(), POLLIN, 0};
  ASSERT_EQ(poll(&waiting, 1, 10'000), 1);
  EXPECT_EQ(signals.next(), SIGHUP);
  EXPECT_EQ(signals.next(), std::nullopt);
  kill(getpid(), SIGTERM);
  EXPECT_EQ(signals.next(), SIGTERM);
}

TEST(SignalsTest, AWriteIntoNothingEndsNothing) {
  const Signals signals{SIGTERM};
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

}  // namespace
}  // namespace drover::system
