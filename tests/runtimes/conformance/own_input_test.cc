// What a container's own program reads, and its terminal.
#include <poll.h>

#include <csignal>

#include "conformance.h"
#include "runtimes/oci/pid_file.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class ConformanceOwnInput : public Conformance {
 protected:
  std::unique_ptr<ProgramInput> open(Runtime& runtime, const Container& container) {
    auto input = runtime.open_input(container, std::nullopt);
    EXPECT_TRUE(input) << to_text(input.error());
    return input ? std::move(*input) : nullptr;
  }
  static void write(ProgramInput& input, std::string_view text) {
    while (!text.empty()) {
      const auto taken = input.write(text);
      ASSERT_TRUE(taken) << to_text(taken.error());
      text.remove_prefix(*taken);
      pollfd room{input.fd(), POLLOUT, 0};
      ASSERT_TRUE(text.empty() || poll(&room, 1, 30'000) == 1);
    }
  }
  void expect_refused(const ContainerSpec& spec, const std::string& member) {
    const auto accepted = runtime_->accepts(spec);
    ASSERT_FALSE(accepted);
    EXPECT_EQ(accepted.error().code, Code::refused);
    EXPECT_THAT(accepted.error().message, HasSubstr(member));
  }
};

ON_EVERY_RUNTIME(ConformanceOwnInput);

TEST_P(ConformanceOwnInput, WhatSeveralAgentsWriteIsReadToItsEnd) {
  Container made = shell("read word; echo got $word; wc -c; exit 6");
  made.spec.input = true;
  if (is_guest()) {
    expect_refused(made.spec, "stdin");
    return;
  }
  run(made);
  write(*open(*runtime_, made), "one\n");
  await_printed(made, "got one");
  const std::unique_ptr<Runtime> next = subject_->next_agents();
  const std::unique_ptr<ProgramInput> input = open(*next, made);
  ASSERT_TRUE(input);
  write(*input, std::string(std::size_t{1} << 20, 'x'));
  ASSERT_TRUE(input->finish());
  EXPECT_EQ(await_end(made).code, 6);
  EXPECT_EQ(printed(made), "got one\n1048576\n");
  // Whoever hands the input on ends a moment after the program.
  EXPECT_TRUE(comes_about([&] {
    const auto late = next->open_input(made, std::nullopt);
    return !late && late.error().code == Code::not_found;
  }));
  EXPECT_EQ(next->resize_terminal(made, std::nullopt, {}).error().code, Code::conflict);
}

TEST_P(ConformanceOwnInput, OneThatDidNotAskForItReadsTheEndAtOnce) {
  if (is_guest()) {
    GTEST_SKIP() << "a guest's program reads its console";
  }
  const Container made = shell("cat; echo end; sleep 1000");
  run(made);
  await_printed(made, "end");
  EXPECT_EQ(runtime_->open_input(made, std::nullopt).error().code, Code::conflict);
}

TEST_P(ConformanceOwnInput, ATerminalOfItsOwnHasItsSizeAndIsResized) {
  Container made = shell(
      "test -t 0 && test -t 1 && test -t 2 && stty size; read word; stty size;"
      "echo got $word; exec 3</dev/tty && echo controlled; exit 3");
  made.spec.input = true;
  made.spec.terminal = true;
  if (is_guest()) {
    made.spec.input = false;
    expect_refused(made.spec, "terminal");
    return;
  }
  run(made);
  await_printed(made, "24 80");
  const auto resized = runtime_->resize_terminal(made, std::nullopt, {100, 40});
  ASSERT_TRUE(resized) << to_text(resized.error());
  // conmon may come to it after what is written.
  const std::string looks = "until stty size | grep -q '^40 100$'; do sleep 0.01; done";
  const Executed seen = execute(made, {{"sh", "-c", "exec </proc/1/fd/0; " + looks}, {}, "", ""});
  EXPECT_EQ(seen.code.value_or(-1), 0) << seen.err;
  open(*runtime_, made);
  write(*open(*runtime_, made), "word\r");
  EXPECT_EQ(await_end(made).code, 3);
  EXPECT_THAT(printed(made), HasSubstr("40 100"));
  EXPECT_THAT(printed(made), HasSubstr("got word"));
  EXPECT_THAT(printed(made), HasSubstr("controlled"));
}

TEST_P(ConformanceOwnInput, KeysAtATerminalOfItsOwnInterruptWhatIsInFrontThere) {
  if (is_guest()) {
    GTEST_SKIP() << "a guest's program has a console";
  }
  // A job in front, the shell behind it, which is told that the job was interrupted.
  Container made = shell("trap : INT; set -m; sleep 1000; echo ended $?; exit 5");
  made.spec.input = true;
  made.spec.terminal = true;
  made.spec.user = "33:34";
  run(made);
  const std::unique_ptr<ProgramInput> input = open(*runtime_, made);
  const bool interrupted = comes_about([&] {
    // The first ones may come before the job. Whether anybody is there still, the end says.
    [[maybe_unused]] const auto typed = input->write("\x03");
    return printed(made).find("ended 130") != std::string::npos;
  });
  EXPECT_TRUE(interrupted) << printed(made);
  EXPECT_EQ(await_end(made).code, 5);
}

TEST_P(ConformanceOwnInput, OfSeveralSizesThatWaitForItsMonitorTheLastOneCounts) {
  if (is_guest() || kind() == RuntimeKind::lxc) {
    GTEST_SKIP() << "its program has no terminal of its own";
  }
  Container made = shell("until stty size | grep '^40 100$'; do sleep 0.01; done");
  made.spec.terminal = true;
  run(made);
  const pid_t monitor = pid_in(subject_->layout().pids() / (made.name.str() + ".monitor"));
  ASSERT_GT(monitor, 0);
  ASSERT_EQ(kill(monitor, SIGSTOP), 0);
  for (const TerminalSize& size : {TerminalSize{90, 30}, TerminalSize{91, 31}, {100, 40}}) {
    const auto resized = runtime_->resize_terminal(made, std::nullopt, size);
    EXPECT_TRUE(resized) << to_text(resized.error());
  }
  ASSERT_EQ(kill(monitor, SIGCONT), 0);
  EXPECT_EQ(await_end(made).code, 0);
}

}  // namespace
}  // namespace drover::runtimes
