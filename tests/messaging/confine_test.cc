// What a confined process may not do. Each test is a process of its own: there is no way back.
#include "messaging/front/confine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <future>
#include <thread>

#include "fakes/sanitizers.h"

namespace drover::messaging {
namespace {

/// How a process ends, as waitpid tells it, that confines itself and then does this.
int status_of(const std::function<bool()>& act) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(!confine() ? 9 : act() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

bool is_forbidden(int result) {
  return result < 0 && errno == EPERM;
}

TEST(ConfineTest, WhatItServesWithIsAllowed) {
  EXPECT_EQ(status_of([] {
              const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
              return socket >= 0 && close(socket) == 0;
            }),
            0);
}

TEST(ConfineTest, OtherSocketsThanOfIpAndThisMachineAreNot) {
  EXPECT_EQ(status_of([] { return is_forbidden(::socket(AF_PACKET, SOCK_RAW, 0)); }), 0);
}

TEST(ConfineTest, NeitherFilesNorProcessesNorMemoryToRun) {
  if (fakes::kHasSanitizer) {
    GTEST_SKIP() << "sanitizers need these themselves";
  }
  EXPECT_EQ(status_of([] { return is_forbidden(open("/etc/hostname", O_RDONLY)); }), 0);
  EXPECT_EQ(status_of([] { return is_forbidden(fork()); }), 0);
  EXPECT_EQ(status_of([] {
              return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                          0) == MAP_FAILED &&
                     errno == EPERM;
            }),
            0);
  EXPECT_EQ(status_of([] {
              return mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                          0) != MAP_FAILED;
            }),
            0);
}

TEST(ConfineTest, WhoRunsAnotherProgramIsKilled) {
  const int status = status_of([] {
    execl("/bin/true", "true", nullptr);
    return true;
  });
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGSYS);
}

TEST(ConfineTest, ThreadsThatAreThereAlreadyAreConfinedToo) {
  const pid_t child = fork();
  if (child == 0) {
    std::promise<void> confined;
    std::promise<bool> forbidden;
    std::thread before([&] {
      confined.get_future().wait();
      forbidden.set_value(is_forbidden(::socket(AF_PACKET, SOCK_RAW, 0)));
    });
    before.detach();
    const bool done = confine().has_value();
    confined.set_value();
    _exit(done && forbidden.get_future().get() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace drover::messaging
