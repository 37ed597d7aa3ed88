#include "runtimes/lxc/lxc_tools.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "real_guest.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class LxcToolsTest : public testing::Test {
 protected:
  int exec(const ExecRequest& request) {
    out_.clear();
    err_.clear();
    const auto ended = lxc_exec(
        guest_.path(), guest_.name(), request, [this](std::string_view text) { out_ += text; },
        [this](std::string_view text) { err_ += text; }, stop_);
    EXPECT_TRUE(ended) << (ended ? "" : to_text(ended.error()));
    return ended.value_or(-1);
  }
  Status status() { return lxc_life(guest_.path(), guest_.name(), stop_).value().status; }

  RealGuest guest_;
  Stop stop_;
  std::string out_;
  std::string err_;
};

TEST_F(LxcToolsTest, TellsTheLifeOfAGuest) {
  EXPECT_EQ(status(), Status::stopped);
  guest_.start();
  const auto life = lxc_life(guest_.path(), guest_.name(), stop_);
  ASSERT_TRUE(life);
  EXPECT_EQ(life->status, Status::running);
  EXPECT_GT(life->init, 1);
  EXPECT_EQ(kill(life->init, 0), 0);
  const auto init = lxc_open_init(guest_.path(), guest_.name());
  ASSERT_TRUE(init) << to_text(init.error());
  // pidfd_open(2): the number stands in its fdinfo.
  EXPECT_THAT(system::read_file(fmt::format("/proc/self/fdinfo/{}", init->get())).value_or(""),
              HasSubstr(fmt::format("\nPid:\t{}\n", life->init)));
  ASSERT_TRUE(lxc_freeze(guest_.path(), guest_.name(), stop_));
  EXPECT_EQ(status(), Status::paused);
  ASSERT_TRUE(lxc_thaw(guest_.path(), guest_.name(), stop_));
  EXPECT_EQ(status(), Status::running);
}

TEST_F(LxcToolsTest, OneThatDoesNotRunHasNoFirstProcess) {
  const auto init = lxc_open_init(guest_.path(), guest_.name());
  ASSERT_FALSE(init);
  EXPECT_EQ(init.error().code, Code::conflict);
}

TEST_F(LxcToolsTest, AGuestThatLxcDoesNotKnowIsNotFound) {
  const auto life = lxc_life(guest_.path(), "100", stop_);
  ASSERT_FALSE(life);
  EXPECT_EQ(life.error().code, Code::not_found);
}

TEST_F(LxcToolsTest, ExecGivesFolderEnvironmentAndUser) {
  guest_.start();
  ASSERT_EQ(setenv("DROVER_TEST_LEAK", "1", 1), 0);
  EXPECT_EQ(exec({{"sh", "-c", "pwd; id -u; id -g; env"}, {{"A", "b c"}}, "/srv", "1000:1001"}), 0);
  unsetenv("DROVER_TEST_LEAK");
  EXPECT_THAT(out_, StartsWith("/srv\n1000\n1001\n"));
  EXPECT_THAT(out_, HasSubstr("\nA=b c\n"));
  EXPECT_THAT(out_, testing::Not(HasSubstr("DROVER_TEST_LEAK")));
}

TEST_F(LxcToolsTest, ExecOfWhatIsNotThereEndsAsInAShell) {
  guest_.start();
  EXPECT_EQ(exec({{"/bin/nope"}, {}, "", ""}), 127);
  EXPECT_EQ(err_, "/bin/nope: No such file or directory\n");
  std::ofstream(guest_.root() / "plain").close();
  EXPECT_EQ(exec({{"/plain"}, {}, "", ""}), 126);
}

TEST_F(LxcToolsTest, ExecStartsWithNoSignalBlocked) {
  guest_.start();
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &term, &before);
  EXPECT_EQ(exec({{"sh", "-c", "kill -TERM $$; echo survived"}, {}, "", ""}), 128 + SIGTERM);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(out_, "");
}

TEST_F(LxcToolsTest, AStopEndsTheProgramInside) {
  guest_.start();
  std::thread asker;
  const auto ended = lxc_exec(
      guest_.path(), guest_.name(), {{"sh", "-c", "echo $$; exec sleep 1000"}, {}, "", ""},
      [&](std::string_view) {
        if (!asker.joinable()) {
          asker = std::thread([this] { stop_.request(); });
        }
      },
      [](std::string_view) {}, stop_);
  asker.join();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::cancelled);
  Stop fresh;
  std::string left;
  const auto looked = lxc_exec(
      guest_.path(), guest_.name(),
      {{"sh", "-c", "for p in /proc/[0-9]*; do cat $p/cmdline; echo; done"}, {}, "", ""},
      [&](std::string_view text) { left += text; }, [](std::string_view) {}, fresh);
  ASSERT_TRUE(looked);
  // The init's own sleep is the only one.
  EXPECT_EQ(left.find("sleep"), left.rfind("sleep")) << left;
}

TEST_F(LxcToolsTest, ExecRefusesWhatItCannotGive) {
  guest_.start();
  const auto with = [&](const ExecRequest& request) {
    return lxc_exec(guest_.path(), guest_.name(), request, nullptr, nullptr, stop_).error().code;
  };
  EXPECT_EQ(with({{}, {}, "", ""}), Code::invalid);
  EXPECT_EQ(with({{"id"}, {}, "", "www-data"}), Code::refused);
  EXPECT_EQ(with({{"id"}, {}, "", "1:"}), Code::refused);
}

TEST_F(LxcToolsTest, ExecInAStoppedGuestFails) {
  EXPECT_FALSE(
      lxc_exec(guest_.path(), guest_.name(), {{"id"}, {}, "", ""}, nullptr, nullptr, stop_));
}

}  // namespace
}  // namespace drover::runtimes
