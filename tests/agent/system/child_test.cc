#include "agent/system/child.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "fakes/temp_folder.h"

namespace drover::system {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Output ran(const std::vector<std::string>& argv, const RunOptions& options = {}) {
  auto output = run(argv, Stop(), options);
  EXPECT_TRUE(output) << (output ? "" : to_text(output.error()));
  return output.value_or(Output{});
}

Output shell(const std::string& script, const RunOptions& options = {}) {
  return ran({"/bin/sh", "-c", script}, options);
}

TEST(ChildTest, TellsBothStreamsAndTheCode) {
  const Output output = shell("echo out; echo err >&2; exit 7");
  EXPECT_EQ(output.out, "out\n");
  EXPECT_EQ(output.err, "err\n");
  EXPECT_EQ(output.ending, (Ending{7, 0}));
}

TEST(ChildTest, TellsTheSignalThatEndedIt) {
  EXPECT_EQ(shell("kill -KILL $$").ending, (Ending{128 + SIGKILL, SIGKILL}));
}

TEST(ChildTest, NeverGoesThroughAShell) {
  EXPECT_EQ(ran({"echo", "$HOME", "a  b;c", ""}).out, "$HOME a  b;c \n");
}

TEST(ChildTest, AProgramThatIsNotThereIsNotFound) {
  for (const char* program :
       {"no-such-program-of-drover", "/no/such/program", "/etc/passwd", "/"}) {
    const auto output = run({program}, Stop());
    ASSERT_FALSE(output) << program;
    EXPECT_EQ(output.error().code, Code::not_found);
    EXPECT_THAT(output.error().message, HasSubstr(program));
  }
  EXPECT_FALSE(run({}, Stop()));
}

TEST(ChildTest, GetsItsInputWhole) {
  const std::string input(3'000'000, 'x');
  EXPECT_EQ(ran({"wc", "-c"}, {.input = input}).out, "3000000\n");
  EXPECT_EQ(ran({"cat"}).out, "");
}

TEST(ChildTest, KeepsNoMoreOutputThanAskedFor) {
  const Output output =
      shell("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2", {.most_output = 1000});
  EXPECT_EQ(output.out.size(), 1000U);
  EXPECT_EQ(output.err.size(), 1000U);
  EXPECT_EQ(output.ending.code, 0);
}

TEST(ChildTest, AStopEndsIt) {
  Stop stop;
  std::thread asker;
  const auto ending = run_streaming(
      {"/bin/sh", "-c", "echo ready; exec sleep 1000"}, stop, {},
      [&](std::string_view) { asker = std::thread([&] { stop.request(); }); },
      [](std::string_view) {});
  asker.join();
  ASSERT_FALSE(ending);
  EXPECT_EQ(ending.error().code, Code::cancelled);
}

TEST(ChildTest, AStopEndsAlsoWhatIgnoresIt) {
  Stop stop;
  std::thread asker;
  const auto start = std::chrono::steady_clock::now();
  const auto ending = run_streaming(
      {"/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"}, stop, {},
      [&](std::string_view) { asker = std::thread([&] { stop.request(); }); },
      [](std::string_view) {});
  asker.join();
  ASSERT_FALSE(ending);
  EXPECT_EQ(ending.error().code, Code::cancelled);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(ChildTest, AStopBeforeTheStartEndsItToo) {
  Stop stop;
  stop.request();
  EXPECT_EQ(run({"sleep", "1000"}, stop).error().code, Code::cancelled);
}

TEST(ChildTest, ATimeoutEndsItAndSaysHowLongItWas) {
  const auto output = run({"sleep", "1000"}, Stop(), {.timeout = std::chrono::milliseconds(50)});
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, Code::timed_out);
  EXPECT_THAT(output.error().message, HasSubstr("within 50 ms"));
}

TEST(ChildTest, AChildItLeavesBehindDoesNotHoldUpTheEnd) {
  const auto start = std::chrono::steady_clock::now();
  const Output output = shell("sleep 20 & echo $!; exit 3");
  EXPECT_EQ(output.ending.code, 3);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  kill(std::stoi(output.out), SIGKILL);
}

TEST(ChildTest, AChildLeftBehindThatWritesForeverDoesNotEither) {
  const Output output = shell("yes 2>/dev/null & echo $! >&2; exit 3", {.most_output = 100});
  EXPECT_EQ(output.ending.code, 3);
  kill(std::stoi(output.err), SIGKILL);
}

TEST(ChildTest, RunOkMakesAnErrorOfTheLastLine) {
  const auto output = run_ok({"/bin/sh", "-c", "echo no; echo why >&2; echo >&2; exit 4"}, Stop());
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, Code::broken);
  EXPECT_THAT(output.error().message, HasSubstr("ended with 4"));
  EXPECT_THAT(output.error().message, EndsWith(": why"));
  EXPECT_EQ(run_ok({"echo", "x"}, Stop()).value(), "x\n");
}

TEST(ChildTest, TheLastLineIsTheOneThatIsNotBlank) {
  EXPECT_EQ((Output{{}, "out", "first\nsecond\n\n \n"}.last_line()), "second");
  EXPECT_EQ((Output{{}, "a\nb", "\n"}.last_line()), "b");
  EXPECT_EQ((Output{}.last_line()), "");
}

TEST(ChildTest, HasOnlyTheDescriptorsItIsGiven) {
  // One that a library has opened without O_CLOEXEC.
  const UniqueFd leaking(open("/dev/null", O_RDONLY));
  ASSERT_TRUE(leaking.valid());
  const UniqueFd given(open("/etc/hostname", O_RDONLY | O_CLOEXEC));
  RunOptions options;
  options.child.descriptors = {{given.get(), 5}};
  const Output output = shell("ls -1 /proc/$$/fd; true", options);
  EXPECT_EQ(output.out, "0\n1\n2\n5\n");
}

TEST(ChildTest, DescriptorsMaySwapTheirNumbers) {
  std::array<int, 2> first{};
  std::array<int, 2> second{};
  ASSERT_EQ(pipe2(first.data(), O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(second.data(), O_CLOEXEC), 0);
  // Each goes where the other one is.
  ChildOptions options;
  options.descriptors = {{first[1], second[1]}, {second[1], first[1]}};
  Child child =
      Child::start({"/bin/sh", "-c", fmt::format("echo a >&{}; echo b >&{}", second[1], first[1])},
                   options)
          .value();
  ASSERT_TRUE(child.wait(Stop()));
  char text[2] = {};
  ASSERT_EQ(read(first[0], text, 2), 2);
  EXPECT_EQ(text[0], 'a');
  ASSERT_EQ(read(second[0], text, 2), 2);
  EXPECT_EQ(text[0], 'b');
  for (const int fd : {first[0], first[1], second[0], second[1]}) {
    close(fd);
  }
}

TEST(ChildTest, SetsEnvironmentAndFolderAndHidesWhatIsSystemds) {
  for (const char* name : {"NOTIFY_SOCKET", "LISTEN_FDS", "WATCHDOG_USEC"}) {
    setenv(name, "1", 1);
  }
  setenv("DROVER_TEST_KEPT", "old", 1);
  RunOptions options;
  options.child.env = {{"DROVER_TEST_KEPT", "new"}, {"DROVER_TEST_ADDED", "a b"}};
  options.child.working_folder = "/usr";
  const Output output = shell("pwd; env", options);
  for (const char* name : {"NOTIFY_SOCKET", "LISTEN_FDS", "WATCHDOG_USEC", "DROVER_TEST_KEPT"}) {
    unsetenv(name);
  }
  EXPECT_THAT(output.out, StartsWith("/usr\n"));
  EXPECT_THAT(output.out, HasSubstr("DROVER_TEST_KEPT=new\n"));
  EXPECT_THAT(output.out, HasSubstr("DROVER_TEST_ADDED=a b\n"));
  EXPECT_THAT(output.out, Not(HasSubstr("old")));
  EXPECT_THAT(output.out, Not(HasSubstr("NOTIFY_SOCKET")));
  EXPECT_THAT(output.out, Not(HasSubstr("LISTEN_FDS")));
  EXPECT_THAT(output.out, Not(HasSubstr("WATCHDOG_USEC")));
}

TEST(ChildTest, AFolderThatIsNotThereIsTold) {
  RunOptions options;
  options.child.working_folder = "/no/such/folder";
  EXPECT_FALSE(run({"true"}, Stop(), options));
}

TEST(ChildTest, StartsWithNoSignalBlockedOrIgnored) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &set, &before);
  const auto pipe_before = std::signal(SIGPIPE, SIG_IGN);
  const Output output = shell("grep -E '^Sig(Blk|Ign)' /proc/self/status");
  std::signal(SIGPIPE, pipe_before);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(output.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(ChildTest, BeforeExecRunsInTheChildAndMayRefuse) {
  RunOptions options;
  options.child.before_exec = [] { return setuid(12345) == 0; };
  EXPECT_EQ(ran({"id", "-u"}, options).out, "12345\n");
  options.child.before_exec = [] {
    errno = EPERM;
    return false;
  };
  const auto refused = run({"true"}, Stop(), options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("Operation not permitted"));
}

TEST(ChildTest, DiesWithItsParent) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    ChildOptions options;
    options.dies_with_parent = true;
    // The child holds the pipe's end open until it dies.
    options.descriptors = {{ends[1], 1}};
    _exit(Child::start({"sleep", "1000"}, options) ? 0 : 1);
  }
  close(ends[1]);
  int status = 0;
  ASSERT_EQ(waitpid(parent, &status, 0), parent);
  EXPECT_EQ(status, 0);
  pollfd end{ends[0], POLLIN, 0};
  EXPECT_EQ(poll(&end, 1, 10'000), 1);
  close(ends[0]);
}

TEST(ChildTest, TryWaitTellsTheEndOnce) {
  Child child = Child::start({"sleep", "1000"}).value();
  EXPECT_EQ(child.try_wait(), std::nullopt);
  child.signal(SIGTERM);
  pollfd end{child.pidfd(), POLLIN, 0};
  ASSERT_EQ(poll(&end, 1, 10'000), 1);
  EXPECT_EQ(child.try_wait(), (Ending{128 + SIGTERM, SIGTERM}));
  EXPECT_EQ(child.try_wait(), std::nullopt);
}

TEST(ChildTest, AdoptsWhatAnotherHasForked) {
  const pid_t pid = fork();
  if (pid == 0) {
    _exit(9);
  }
  Child child = Child::adopt(pid).value();
  EXPECT_EQ(child.wait(Stop()).value().code, 9);
}

TEST(ChildTest, ManyThreadsRunProgramsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&right, t] {
      for (int i = 0; i < 10; ++i) {
        const auto output = run({"echo", std::to_string(t * 100 + i)}, Stop());
        right += output && output->out == std::to_string(t * 100 + i) + "\n" ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(right.load(), 80);
}

}  // namespace
}  // namespace drover::system
