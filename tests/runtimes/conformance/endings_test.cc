// How containers and programs inside end, and what is told of it.
#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

#include "agent/system/process.h"
#include "conformance.h"
#include "runtimes/guest/exit_status.h"

namespace drover::runtimes {
namespace {

constexpr std::chrono::seconds kGrace{20};

class ConformanceEndings : public Conformance {
 protected:
  /// The end of one that is told of also when nobody has stopped it. Of a guest that only its
  /// `stop` tells (Capabilities::knows_exit_code): Proxmox keeps no code.
  void expect_told(const Exit& exit, int code) {
    EXPECT_EQ(exit.code, is_guest() ? std::nullopt : std::optional(code));
    EXPECT_FALSE(exit.oom);
  }
  /// Runs it to its end by lack of memory.
  void expect_out_of_memory(const Container& container) {
    start(container);
    const Exit exit = await_end(container);
    EXPECT_EQ(exit.code, 137);
    EXPECT_TRUE(exit.oom);
  }
  /// One of whose processes, not the first, has lacked memory.
  Container one_with_an_ended_child() {
    Container made = shell(
        "trap : TERM; dd if=/dev/zero of=/dev/null bs=200M count=1; echo over; "
        "while :; do sleep 1000 & wait; done");
    made.spec.resources.memory_mib = 32;
    run(made);
    await_printed(made, "over");
    return made;
  }
};

ON_EVERY_RUNTIME(ConformanceEndings);

// The code of a container's first process comes from the kernel by way of its monitor, which does
// not look at it. 0 is what most tests here end with.
TEST_P(ConformanceEndings, TheExitCodeOfAContainerIsTrue) {
  for (const int code : is_guest() ? std::vector{7} : std::vector{1, 128, 255}) {
    const Container made = shell(fmt::format("exit {}", code));
    run(made);
    expect_told(await_end(made), code);
  }
}

// Every code is run, each runtime a quarter of them and those that shells, runtimes and we
// ourselves give a meaning: what comes between is a number that is handed on.
TEST_P(ConformanceEndings, EveryExitCodeOfACommandInsideIsTrue) {
  const Container& made = resting();
  std::vector<int> codes;
  for (int code = 0; code < 256; ++code) {
    const bool has_meaning = code < 3 || (code >= 125 && code <= 130) || code == 137 ||
                             code == 143 || code == 254 || code == 255;
    if (has_meaning || code % 4 == static_cast<int>(kind())) {
      codes.push_back(code);
    }
  }
  std::vector<int> got(codes.size());
  std::atomic<std::size_t> next{0};
  // A command runs beside others, too.
  const auto run_them = [&] {
    for (std::size_t at = next++; at < codes.size(); at = next++) {
      const ExecRequest request{{"sh", "-c", fmt::format("exit {}", codes[at])}, {}, "", ""};
      got[at] = execute(made, request).code.value_or(-1);
    }
  };
  std::array<std::thread, 4> workers;
  for (std::thread& worker : workers) {
    worker = std::thread(run_them);
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  EXPECT_EQ(got, codes);
}

TEST_P(ConformanceEndings, ACommandInsideThatASignalEndsGives128AndItsNumber) {
  for (const int number : {SIGHUP, SIGKILL, SIGSEGV, SIGTERM, 64}) {
    const Executed ended =
        execute(resting(), {{"sh", "-c", fmt::format("kill -{} $$", number)}, {}, "", ""});
    EXPECT_EQ(ended.code.value_or(-1), 128 + number) << ended.err;
  }
}

TEST_P(ConformanceEndings, AProgramThatIsNotThereIsNamed) {
  if (is_guest()) {
    GTEST_SKIP() << "Proxmox does not wait for a guest's program";
  }
  const Container made = container({"/no/such/program"});
  Result<> done = runtime_->create(made, never_);
  if (done) {
    done = runtime_->start(made, never_);
  }
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, testing::HasSubstr("/no/such/program"));
  EXPECT_THAT(done.error().message, testing::HasSubstr("o such file"));
  const auto now = runtime_->state(made, never_);
  EXPECT_TRUE(now ? now->status == Status::created : now.error().code == Code::not_found);
}

TEST_P(ConformanceEndings, SigkillEndsOneThatRunsAndOneThatIsPaused) {
  const Container made = container({"sleep", "1000"});
  run(made);
  const auto kill = [&] {
    const auto killed = runtime_->kill(made, SIGKILL, never_);
    ASSERT_TRUE(killed) << to_text(killed.error());
    expect_told(await_end(made), 137);
  };
  kill();
  run_again(made);
  ASSERT_TRUE(runtime_->pause(made, never_));
  kill();
}

TEST_P(ConformanceEndings, ASignalReachesItsProgram) {
  const Container made =
      shell("trap 'exit 9' HUP; echo ready; while :; do sleep 1000 & wait; done");
  run(made);
  await_printed(made, "ready");
  const auto sent = runtime_->kill(made, SIGHUP, never_);
  ASSERT_TRUE(sent) << to_text(sent.error());
  expect_told(await_end(made), 9);
  for (const int number : {-1, 0, 65}) {
    EXPECT_EQ(runtime_->kill(made, number, never_).error().code, Code::invalid) << number;
  }
}

TEST_P(ConformanceEndings, StopWithinItsGraceTellsTheCodeAlsoOfAPausedOne) {
  const Container made =
      shell("trap 'exit 3' TERM; echo ready; while :; do sleep 1000 & wait; done");
  run(made);
  await_printed(made, "ready");
  const auto stop = [&] {
    const pid_t pid = state(made).pid;
    const Result<system::UniqueFd> init =
        system::open_process({pid, system::start_time_of(pid).value_or(0)});
    ASSERT_TRUE(init) << to_text(init.error());
    const auto exit = runtime_->stop(made, SIGTERM, kGrace, never_);
    ASSERT_TRUE(exit) << to_text(exit.error());
    // What a guest's was the kernel tells since 6.15.
    EXPECT_EQ(exit->code, is_guest() ? exit_code_of(init->get()) : std::optional(3));
    EXPECT_TRUE(!exit->code || *exit->code == 3);
    EXPECT_EQ(state(made).status, Status::stopped);
    const auto again = runtime_->stop(made, SIGTERM, kGrace, never_);
    ASSERT_TRUE(again) << to_text(again.error());
    EXPECT_EQ(again->code, is_guest() ? std::nullopt : exit->code) << "it has been told once";
  };
  stop();
  const std::size_t before = printed(made).size();
  run_again(made);
  ASSERT_TRUE(
      comes_about([&] { return printed(made).find("ready", before) != std::string::npos; }));
  ASSERT_TRUE(runtime_->pause(made, never_));
  stop();
}

TEST_P(ConformanceEndings, StopKillsOneThatIgnoresItsSignalAfterItsGrace) {
  const Container made = shell("trap : TERM; echo ready; while :; do sleep 1000 & wait; done");
  run(made);
  await_printed(made, "ready");
  const auto began = std::chrono::steady_clock::now();
  // Proxmox counts whole seconds.
  const std::chrono::milliseconds grace(is_guest() ? 1000 : 100);
  const auto exit = runtime_->stop(made, SIGTERM, grace, never_);
  ASSERT_TRUE(exit) << to_text(exit.error());
  EXPECT_TRUE(is_guest() ? exit->code.value_or(137) == 137 : exit->code == 137);
  EXPECT_FALSE(exit->oom);
  EXPECT_GE(std::chrono::steady_clock::now() - began, grace);
}

TEST_P(ConformanceEndings, AnEndForWantOfMemoryIsTold) {
  if (is_guest()) {
    GTEST_SKIP() << "Proxmox tells how none of its guests ended";
  }
  Container made = container({"dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"});
  made.spec.resources.memory_mib = 32;
  create(made);
  expect_out_of_memory(made);
  EXPECT_FALSE(std::filesystem::exists("oom")) << "conmon notes it where it was started";
  if (!runtime_->capabilities().restartable) {
    return;
  }
  ASSERT_TRUE(runtime_->update(made, {}, never_));
  start(made);
  const Exit again = await_end(made);
  EXPECT_EQ(again.code, 0);
  EXPECT_FALSE(again.oom) << "that was its run before";
}

TEST_P(ConformanceEndings, AStopAfterOneOfItsProcessesLackedMemoryIsNoEndForWantOfIt) {
  if (is_guest()) {
    GTEST_SKIP() << "Proxmox tells how none of its guests ended";
  }
  const Container made = one_with_an_ended_child();
  const auto exit = runtime_->stop(made, SIGTERM, std::chrono::milliseconds(0), never_);
  ASSERT_TRUE(exit) << to_text(exit.error());
  EXPECT_EQ(exit->code, 137);
  EXPECT_FALSE(exit->oom);
  EXPECT_FALSE(state(made).exit.value_or(Exit()).oom);
}

TEST_P(ConformanceEndings, AKillAfterOneOfItsProcessesLackedMemoryIsNoEndForWantOfIt) {
  if (is_guest()) {
    GTEST_SKIP() << "Proxmox tells how none of its guests ended";
  }
  const Container made = one_with_an_ended_child();
  ASSERT_TRUE(runtime_->kill(made, SIGKILL, never_));
  const Exit exit = await_end(made);
  EXPECT_EQ(exit.code, 137);
  EXPECT_FALSE(exit.oom);
}

}  // namespace
}  // namespace drover::runtimes
