#include "agent/system/process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/system/child.h"

namespace drover::system {
namespace {

bool has_ended(const UniqueFd& pidfd, int timeout) {
  pollfd waiting{pidfd.get(), POLLIN, 0};
  return poll(&waiting, 1, timeout) == 1;
}

TEST(ProcessTest, APidWithItsStartTimeNamesOneProcess) {
  Child child = Child::start({"sleep", "1000"}).value();
  const auto start = start_time_of(child.pid());
  ASSERT_TRUE(start);
  const auto pidfd = open_process({child.pid(), *start});
  ASSERT_TRUE(pidfd) << to_text(pidfd.error());
  EXPECT_FALSE(has_ended(*pidfd, 0));
  child.signal(SIGKILL);
  EXPECT_TRUE(has_ended(*pidfd, 10'000));
  ASSERT_TRUE(child.wait(Stop()));
  EXPECT_EQ(open_process({child.pid(), *start}).error().code, Code::not_found);
  EXPECT_EQ(start_time_of(child.pid()).error().code, Code::not_found);
}

TEST(ProcessTest, AnotherStartTimeIsAnotherProcess) {
  const std::uint64_t own = start_time_of(getpid()).value();
  EXPECT_TRUE(open_process({getpid(), own}));
  EXPECT_EQ(open_process({getpid(), own + 1}).error().code, Code::not_found);
  EXPECT_EQ(open_process({getpid(), 0}).error().code, Code::not_found);
}

TEST(ProcessTest, NumbersThatAreNoPidAreNotFound) {
  for (const pid_t pid : {0, -1, 0x7fffffff}) {
    EXPECT_EQ(open_process({pid, 1}).error().code, Code::not_found) << pid;
    EXPECT_EQ(start_time_of(pid).error().code, Code::not_found) << pid;
  }
}

TEST(ProcessTest, ANameOfBlanksAndParenthesesHidesNoField) {
  const std::uint64_t before = start_time_of(getpid()).value();
  ASSERT_EQ(prctl(PR_SET_NAME, ") R 1 2 (x) "), 0);
  EXPECT_EQ(start_time_of(getpid()).value(), before);
  ASSERT_EQ(prctl(PR_SET_NAME, "process_test"), 0);
}

}  // namespace
}  // namespace drover::system
