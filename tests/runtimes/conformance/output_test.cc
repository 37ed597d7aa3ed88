// What a container prints is kept, all of it, and it prints nothing while it is paused.
#include <csignal>
#include <map>

#include "conformance.h"
#include "fakes/journal_socket.h"
#include "runtimes/journal_log.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class ConformanceOutput : public Conformance {
 protected:
  std::size_t size_of(const Container& container) { return printed(container).size(); }
};

ON_EVERY_RUNTIME(ConformanceOutput);

TEST_P(ConformanceOutput, TenMegabytesAreKeptToTheLastByte) {
  constexpr int kLines = 10 * 1024;
  const Container made = container({"flood", std::to_string(kLines)});
  run(made);
  await_end(made);
  std::string whole;
  for (int line = 0; line < kLines; ++line) {
    whole += fmt::format("{} {}\n", line, std::string(1000, 'x'));
  }
  const std::string kept = printed(made);
  ASSERT_EQ(kept.size(), whole.size());
  EXPECT_TRUE(kept == whole);
}

TEST_P(ConformanceOutput, BothStreamsAndALastLineWithoutItsEndAreKept) {
  const Container made = shell("echo out; echo err >&2; printf unfinished");
  run(made);
  await_end(made);
  const std::string log = subject_->log(made);
  if (is_guest()) {
    // Its terminal is both.
    EXPECT_EQ(log, "out\r\nerr\r\nunfinished");
    return;
  }
  EXPECT_THAT(log, HasSubstr(" stdout F out\n"));
  EXPECT_THAT(log, HasSubstr(" stderr F err\n"));
  EXPECT_THAT(log, HasSubstr(" stdout P unfinished"));
}

TEST_P(ConformanceOutput, WhatAJobWantsInTheNodesJournalIsThereAndInItsLog) {
  Container made = shell("echo out; echo err >&2; printf unfinished");
  made.spec.log.driver = "journald";
  const auto without = runtime_->accepts(made.spec);
  ASSERT_FALSE(without) << "there is no journal yet";
  EXPECT_EQ(without.error().code, Code::refused);
  EXPECT_THAT(without.error().message, HasSubstr(is_guest() ? "log" : "log.driver"));
  if (is_guest()) {
    return;
  }
  EXPECT_TRUE(check_journal_name(made.spec.log, kind(), made.name.str()));
  EXPECT_EQ(check_journal_name(made.spec.log, kind(), "twelve-chars").has_value(),
            kind() == RuntimeKind::lxc);
  fakes::JournalSocket journal;
  const auto accepted = runtime_->accepts(made.spec);
  EXPECT_TRUE(accepted) << to_text(accepted.error());
  run(made);
  std::map<std::string, std::string> priorities;
  while (priorities.size() < 3) {
    const fakes::JournalSocket::Entry entry = journal.next();
    ASSERT_FALSE(entry.empty()) << "nothing comes after " << priorities.size();
    EXPECT_EQ(entry.at("CONTAINER_NAME"), made.name.str());
    EXPECT_EQ(entry.at("SYSLOG_IDENTIFIER"), made.name.str());
    EXPECT_EQ(entry.at("CONTAINER_ID_FULL"), made.name.str());
    std::string message = entry.at("MESSAGE");
    message.erase(message.find_last_not_of('\n') + 1);  // conmon leaves it there
    EXPECT_EQ(entry.contains("CONTAINER_PARTIAL_MESSAGE"), message == "unfinished") << message;
    priorities[message] = entry.at("PRIORITY");
  }
  EXPECT_EQ(priorities,
            (std::map<std::string, std::string>{{"out", "6"}, {"err", "3"}, {"unfinished", "6"}}));
  await_end(made);
  const std::string log = subject_->log(made);
  EXPECT_THAT(log, testing::AllOf(HasSubstr(" stdout F out\n"), HasSubstr(" stderr F err\n")));
}

TEST_P(ConformanceOutput, EightMegabytesOfACommandComeWhole) {
  const Executed executed =
      execute(resting(), {{"dd", "if=/dev/zero", "bs=1M", "count=8"}, {}, "", ""});
  EXPECT_EQ(executed.code.value_or(-1), 0);
  EXPECT_EQ(executed.out.size(), std::size_t{8} << 20U);
}

TEST_P(ConformanceOutput, APausedOnePrintsNothingAndGoesOnWhereItWas) {
  // Busy in two ways: one process prints, others come and go.
  const Container made = shell("i=0; while :; do echo $i; i=$((i+1)); usleep 1; done");
  run(made);
  await_printed(made, "\n20\n");
  const auto paused = runtime_->pause(made, never_);
  ASSERT_TRUE(paused) << to_text(paused.error());
  // What was in the pipe comes still.
  std::size_t kept = 0;
  ASSERT_TRUE(comes_about([&] { return std::exchange(kept, size_of(made)) == size_of(made); }));
  for (int look = 0; look < 10; ++look) {
    EXPECT_EQ(state(made).status, Status::paused);
  }
  EXPECT_EQ(size_of(made), kept);
  ASSERT_TRUE(runtime_->resume(made, never_));
  ASSERT_TRUE(comes_about([&] { return size_of(made) > kept + 100; }));
  ASSERT_TRUE(runtime_->stop(made, SIGKILL, std::chrono::seconds(10), never_));
  const std::string all = printed(made);
  std::string expected;
  for (int line = 0; expected.size() < all.size(); ++line) {
    expected += fmt::format("{}\n", line);
  }
  EXPECT_EQ(all, expected.substr(0, all.size()));
}

}  // namespace
}  // namespace drover::runtimes
