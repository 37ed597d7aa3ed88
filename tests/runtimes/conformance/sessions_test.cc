// Programs that jobs run inside a container, which have monitors of their own.
#include <poll.h>

#include "conformance.h"
#include "runtimes/log_parts.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int kKilled = 128 + SIGKILL;
constexpr std::chrono::seconds kPatience{20};

class ConformanceSessions : public Conformance {
 protected:
  void TearDown() override {
    for (const JobId& job : jobs_) {
      EXPECT_TRUE(sessions().end(job, kPatience));
      EXPECT_TRUE(sessions().forget(job));
    }
    EXPECT_TRUE(system::children_of(subject_->layout().sessions()).empty());
    Conformance::TearDown();
  }

  ExecSessions& sessions() { return *runtime_->exec_sessions(); }
  JobId job() {
    static int count = 0;
    jobs_.push_back(JobId::parse(fmt::format("exec-{}", ++count)).value());
    return jobs_.back();
  }
  JobId begin(const Container& container, const std::string& script, bool input = false,
              std::optional<TerminalSize> terminal = {}) {
    const JobId id = job();
    const auto begun = sessions().begin(
        container, id, {{"sh", "-c", script}, {}, "", "", input, terminal}, never_);
    EXPECT_TRUE(begun) << to_text(begun.error());
    return id;
  }
  int await(const JobId& id) {
    const auto code = sessions().await(id, never_);
    EXPECT_TRUE(code) << to_text(code.error());
    return code.value_or(-1);
  }
  std::string printed_by(const JobId& id) {
    const Path log = subject_->layout().job_log(id);
    return text_of_log(system::read_file(older_part(log)).value_or("") +
                       system::read_file(log).value_or(""));
  }
  void await_printed_by(const JobId& id, const std::string& text) {
    ASSERT_TRUE(comes_about([&] { return printed_by(id).find(text) != std::string::npos; }))
        << text << " is not in " << printed_by(id);
  }
  std::unique_ptr<ProgramInput> open(const JobId& id) {
    auto input = runtime_->open_input(resting(), id);
    EXPECT_TRUE(input) << to_text(input.error());
    return input ? std::move(*input) : nullptr;
  }
  static void write_all(ProgramInput& input, std::string_view text) {
    while (!text.empty()) {
      const auto taken = input.write(text);
      ASSERT_TRUE(taken) << to_text(taken.error());
      text.remove_prefix(*taken);
      pollfd room{input.fd(), static_cast<short>(text.empty() ? 0 : POLLOUT), 0};
      ASSERT_GE(poll(&room, 1, text.empty() ? 0 : 30'000), text.empty() ? 0 : 1);
    }
  }
  /// A number of this test alone, longer than that of any process.
  std::string number(int of_test) const {
    return std::to_string(998'001'900 + 10 * of_test + static_cast<int>(kind()));
  }
  /// Processes of this machine whose command lines have this in them.
  static bool runs(const std::string& words) {
    for (const Path& entry : system::children_of("/proc")) {
      if (system::read_file(entry / "cmdline").value_or("").find(words) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

 private:
  std::vector<JobId> jobs_;
};

ON_EVERY_RUNTIME(ConformanceSessions);

TEST_P(ConformanceSessions, WhatItPrintsIsKeptAndItsCodeIsTrue) {
  const JobId id = begin(resting(), "echo $A; echo err >&2; printf rest; exit 7");
  EXPECT_EQ(sessions().begin(resting(), id, {{"true"}, {}, "", ""}, never_).error().code,
            Code::conflict);
  EXPECT_EQ(await(id), 7);
  EXPECT_EQ(await(id), 7) << "until it is forgotten";
  EXPECT_THAT(printed_by(id), HasSubstr("err\n"));
  EXPECT_THAT(printed_by(id), HasSubstr("rest"));
  if (!is_guest()) {
    EXPECT_THAT(printed_by(id), HasSubstr("container\n"));
  }
  EXPECT_TRUE(sessions().begun(id).value());
  ASSERT_TRUE(sessions().forget(id));
  EXPECT_FALSE(sessions().begun(id).value());
  EXPECT_EQ(sessions().await(id, never_).error().code, Code::not_found);
}

TEST_P(ConformanceSessions, TheNextAgentTakesItUpWithItsInputAndItsCode) {
  const JobId id = begin(resting(), "echo ready; read line; echo got $line; exit 9", true);
  await_printed_by(id, "ready");
  const std::unique_ptr<Runtime> next = subject_->next_agents();
  ExecSessions& taken_up = *next->exec_sessions();
  EXPECT_TRUE(taken_up.begun(id).value());
  EXPECT_EQ(taken_up.forget(id).error().code, Code::conflict);
  taken_up.end_others([&](const JobId& job) { return job == id; });
  Stop stop;
  stop.request();
  EXPECT_EQ(taken_up.await(id, stop).error().code, Code::cancelled);
  auto input = next->open_input(resting(), id);
  ASSERT_TRUE(input) << to_text(input.error());
  write_all(**input, "more\n");
  EXPECT_EQ(taken_up.await(id, never_).value(), 9);
  EXPECT_EQ(printed_by(id), "ready\ngot more\n");
}

TEST_P(ConformanceSessions, LargeInputComesWhole) {
  const JobId id = begin(resting(), "wc -c", true);
  const std::unique_ptr<ProgramInput> input = open(id);
  ASSERT_TRUE(input);
  write_all(*input, std::string(std::size_t{4} << 20, 'x'));
  ASSERT_TRUE(input->finish());
  EXPECT_EQ(await(id), 0);
  EXPECT_EQ(printed_by(id), "4194304\n");
  EXPECT_EQ(runtime_->open_input(resting(), id).error().code, Code::not_found);
  // Its monitor closes the connections one after the other once the outcome is told.
  pollfd closed{input->fd(), 0, 0};
  EXPECT_EQ(poll(&closed, 1, 5000), 1);
  const auto late = input->write("x");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::not_found);
}

TEST_P(ConformanceSessions, InputGoesOnWhereAnotherWriterHasLeftIt) {
  const JobId id = begin(resting(), "cat; echo end", true);
  write_all(*open(id), "one\n");
  await_printed_by(id, "one\n");
  const std::unique_ptr<ProgramInput> input = open(id);
  write_all(*input, "two\n");
  ASSERT_TRUE(input->finish());
  EXPECT_EQ(await(id), 0);
  EXPECT_EQ(printed_by(id), "one\ntwo\nend\n");
}

TEST_P(ConformanceSessions, WithoutInputItReadsTheEndAtOnce) {
  const JobId id = begin(resting(), "cat; test -t 0 || echo none; sleep 1000");
  await_printed_by(id, "none\n");
  EXPECT_EQ(runtime_->open_input(resting(), id).error().code, Code::conflict);
  EXPECT_EQ(runtime_->resize_terminal(resting(), id, {}).error().code, Code::conflict);
  const JobId nobodys = JobId::parse("nobodys").value();
  EXPECT_EQ(runtime_->open_input(resting(), nobodys).error().code, Code::not_found);
}

TEST_P(ConformanceSessions, ATerminalHasItsSizeAndIsResized) {
  const JobId id = begin(resting(),
                         "test -t 0 && test -t 1 && test -t 2 && echo $TERM; stty size; read line;"
                         "stty size; echo got $line; exit 3",
                         true, TerminalSize{100, 30});
  await_printed_by(id, "30 100");
  EXPECT_THAT(printed_by(id), HasSubstr("xterm"));
  const auto resized = runtime_->resize_terminal(resting(), id, {120, 40});
  ASSERT_TRUE(resized) << to_text(resized.error());
  const std::unique_ptr<ProgramInput> input = open(id);
  ASSERT_TRUE(input->finish());
  write_all(*input, "word\r");
  EXPECT_EQ(await(id), 3);
  EXPECT_THAT(printed_by(id), HasSubstr("40 120"));
  EXPECT_THAT(printed_by(id), HasSubstr("got word"));
}

TEST_P(ConformanceSessions, OneThatIsEndedEndsWithItsChildren) {
  const JobId id =
      begin(resting(), "trap '' TERM; sleep " + number(1) + " & echo begun; wait; sleep 1000");
  await_printed_by(id, "begun");
  ASSERT_TRUE(runs(number(1)));
  const auto ended = sessions().end(id, kPatience);
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_EQ(await(id), kKilled);
  EXPECT_TRUE(comes_about([this] { return !runs(number(1)); }));
  EXPECT_TRUE(sessions().end(id, kPatience)) << "what has ended needs nothing";
}

TEST_P(ConformanceSessions, ItsEndWaitsForNoChildThatItHasLeft) {
  const JobId id = begin(resting(), "sleep " + number(2) + " & echo left; exit 4");
  EXPECT_EQ(await(id), 4);
  EXPECT_EQ(printed_by(id), "left\n");
  EXPECT_TRUE(runs(number(2)));
}

TEST_P(ConformanceSessions, TheContainersEndEndsIt) {
  const Container made = container({"sleep", "1000"});
  run(made);
  const JobId id = begin(made, "echo begun; sleep 1000");
  await_printed_by(id, "begun");
  ASSERT_TRUE(runtime_->kill(made, SIGKILL, never_));
  EXPECT_EQ(await(id), kKilled);
  await_end(made);
  const auto late = sessions().begin(made, job(), {{"true"}, {}, "", ""}, never_);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::conflict) << to_text(late.error());
}

TEST_P(ConformanceSessions, OneThatCannotBeginLeavesNothing) {
  const JobId id = job();
  const auto begun = sessions().begin(resting(), id, {{"no-such-program"}, {}, "", ""}, never_);
  if (kind() == RuntimeKind::runc || kind() == RuntimeKind::crun) {
    ASSERT_FALSE(begun);
    EXPECT_EQ(begun.error().code, Code::invalid);
    EXPECT_THAT(begun.error().message, HasSubstr("no-such-program"));
    EXPECT_FALSE(sessions().begun(id).value());
    return;
  }
  // liblxc has entered the container by then: as a shell tells it.
  ASSERT_TRUE(begun) << to_text(begun.error());
  EXPECT_EQ(await(id), 127);
  EXPECT_THAT(printed_by(id), HasSubstr("no-such-program"));
}

TEST_P(ConformanceSessions, ThoseOfNobodysJobsAreEndedByTheNextAgent) {
  const JobId id = begin(resting(), "echo begun; sleep " + number(3));
  await_printed_by(id, "begun");
  subject_->next_agents()->exec_sessions()->end_others([](const JobId&) { return false; });
  EXPECT_FALSE(sessions().begun(id).value());
  EXPECT_TRUE(comes_about([this] { return !runs(number(3)); }));
}

TEST_P(ConformanceSessions, OneThatIsEndedInAPausedContainerEndsOnceThatIsResumed) {
  const Container made = container({"sleep", "1000"});
  run(made);
  const JobId id = begin(made, "echo begun; sleep " + number(4));
  await_printed_by(id, "begun");
  ASSERT_TRUE(runtime_->pause(made, never_));
  // Before cgroup v2 nothing ends while it is frozen.
  const auto ended = sessions().end(id, std::chrono::milliseconds(100));
  EXPECT_TRUE(ended || ended.error().code == Code::unavailable) << to_text(ended.error());
  const auto begun = std::chrono::steady_clock::now();
  subject_->next_agents()->exec_sessions()->end_others([](const JobId&) { return false; });
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(15));
  EXPECT_EQ(sessions().begun(id).value(), !ended.has_value());
  ASSERT_TRUE(runtime_->resume(made, never_));
  EXPECT_TRUE(comes_about([this] { return !runs(number(4)); }));
  subject_->next_agents()->exec_sessions()->end_others([](const JobId&) { return false; });
  EXPECT_FALSE(sessions().begun(id).value());
}

TEST_P(ConformanceSessions, WhatItPrintsIsKeptWithinBounds) {
  Container bounded = resting();
  bounded.spec.log.max_size_mib = 1;
  bounded.spec.log.max_files = 2;
  const JobId id = begin(bounded, "flood 4000");
  EXPECT_EQ(await(id), 0);
  EXPECT_THAT(printed_by(id), HasSubstr("\n3999 xxx"));
  EXPECT_THAT(printed_by(id), Not(HasSubstr("\n1 xxx")));
}

}  // namespace
}  // namespace drover::runtimes
