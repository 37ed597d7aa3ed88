#include "agent/system/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>

#include "agent/system/child.h"

namespace drover::system {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

/// What `write` writes to standard error. In a process of its own, because the log is read from
/// the environment once.
std::string logged(bool journal, const std::function<void()>& write) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDERR_FILENO);
    if (journal) {
      setenv("JOURNAL_STREAM", "8:1", 1);
    } else {
      unsetenv("JOURNAL_STREAM");
    }
    write();
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  const UniqueFd end(ends[0]);
  EXPECT_TRUE(stream_child(
      Child::adopt(pid).value(), UniqueFd(dup(end.get())), UniqueFd(), Stop(),
      [&](std::string_view chunk) { text += chunk; }, [](std::string_view) {}));
  return text;
}

TEST(LogTest, ALineHasTimeProgramAndLevel) {
  const std::string text = logged(false, [] {
    open_log("droverd", LogLevel::info);
    log_info("job {} accepted", "j1");
  });
  EXPECT_THAT(text, MatchesRegex("20[0-9-]+T[0-9:.]+ droverd info: job j1 accepted\n"));
}

TEST(LogTest, TheLevelBounds) {
  const std::string text = logged(false, [] {
    open_log("droverd", LogLevel::warning);
    log_debug("no-1");
    log_info("no-2");
    log_warning("yes-1");
    set_log_level(LogLevel::error);
    log_warning("no-3");
    set_log_level(LogLevel::debug);
    log_debug("yes-2");
  });
  EXPECT_THAT(text, testing::Not(HasSubstr("no-")));
  EXPECT_THAT(text, HasSubstr("yes-1"));
  EXPECT_THAT(text, HasSubstr("yes-2"));
}

TEST(LogTest, UnopenedItTellsWarnings) {
  const std::string text = logged(false, [] {
    log_info("quiet");
    log_error("loud");
  });
  EXPECT_THAT(text, HasSubstr("loud"));
  EXPECT_THAT(text, testing::Not(HasSubstr("quiet")));
}

TEST(LogTest, UnderTheJournalALineHasItsPriority) {
  const std::string text = logged(true, [] {
    open_log("droverd", LogLevel::debug);
    log_debug("d");
    log_info("i");
    log_warning("w");
    log_error("e");
  });
  EXPECT_EQ(text, "<7>d\n<6>i\n<4>w\n<3>e\n");
}

TEST(LogTest, AMessageIsOneLineWhateverItHolds) {
  const std::string text = logged(true, [] {
    open_log("droverd", LogLevel::info);
    log_error("a\n<0>b\r\x1b[31mc {}", "%d {}");
  });
  EXPECT_EQ(text, "<3>a <0>b  [31mc %d {}\n");
}

TEST(LogTest, AProgramsNameIsNoPattern) {
  const std::string text = logged(false, [] {
    open_log("100%v", LogLevel::info);
    log_info("x");
  });
  EXPECT_THAT(text, HasSubstr(" 100%v info: x\n"));
}

}  // namespace
}  // namespace drover::system
