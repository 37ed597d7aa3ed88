#include "agent/system/lock_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "fakes/temp_folder.h"

namespace drover::system {
namespace {

using testing::HasSubstr;

class LockFileTest : public testing::Test {
 protected:
  /// Another process; what it returns is its exit code.
  template <class Act>
  static int in_child(const Act& act) {
    const pid_t child = fork();
    if (child == 0) {
      _exit(act());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  fakes::TempFolder folder_;
  Path path_ = folder_ / "lock";
};

TEST_F(LockFileTest, AnotherProcessIsToldWhoHasIt) {
  const Result<UniqueFd> lock = lock_file(path_);
  ASSERT_TRUE(lock);
  const std::string self = fmt::format("process {} has it", getpid());
  EXPECT_EQ(in_child([&] {
              const Result<UniqueFd> second = lock_file(path_);
              const bool told = !second && second.error().code == Code::conflict &&
                                second.error().message.find(self) != std::string::npos;
              return told ? 0 : 1;
            }),
            0);
}

TEST_F(LockFileTest, ItIsFreeOnceItsProcessHasEnded) {
  ASSERT_EQ(in_child([&] { return lock_file(path_) ? 0 : 1; }), 0);
  EXPECT_TRUE(lock_file(path_));
}

// An agent that was killed just after it had forked a program left its lock to that child until
// the child came to its exec, and the next agent did not start.
TEST_F(LockFileTest, AChildThatWasOnlyForkedDoesNotKeepTheLockOfAKilledProcess) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const pid_t agent = fork();
  if (agent == 0) {
    const Result<UniqueFd> lock = lock_file(path_);
    const pid_t forked = fork();
    if (forked == 0) {
      pause();  // with all its descriptors, as before an exec
    }
    const bool told = lock && write(ends[1], &forked, sizeof forked) == sizeof forked;
    pause();
    _exit(told ? 0 : 1);
  }
  pid_t forked = 0;
  ASSERT_EQ(read(ends[0], &forked, sizeof forked), ssize_t{sizeof forked});
  ASSERT_EQ(lock_file(path_).error().code, Code::conflict);
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  ASSERT_EQ(kill(forked, 0), 0) << "the child is gone already";
  const Result<UniqueFd> next = lock_file(path_);
  EXPECT_TRUE(next) << next.error().message;
  kill(forked, SIGKILL);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(LockFileTest, ASymlinkIsNotFollowed) {
  std::filesystem::create_symlink(folder_ / "elsewhere", path_);
  const Result<UniqueFd> lock = lock_file(path_);
  ASSERT_FALSE(lock);
  EXPECT_THAT(lock.error().message, HasSubstr(path_.native()));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "elsewhere"));
}

}  // namespace
}  // namespace drover::system
