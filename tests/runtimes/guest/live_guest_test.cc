// GuestRuntime with a guest that really runs: the API is the fake's, LXC is this machine's.
#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>

#include "agent/system/process.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_proxmox.h"
#include "real_guest.h"
#include "runtimes/guest/exit_status.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {
namespace {

/// Its starts and stops are those of a real container.
class LiveProxmox : public fakes::FakeProxmox {
 public:
  explicit LiveProxmox(RealGuest& guest) : FakeProxmox(guest.path()), guest_(guest) {}

  Result<json::Value> post(const std::string& path, const proxmox::Form& form,
                           const Stop& stop) override {
    if (path.ends_with("/status/start")) {
      guest_.start();
    } else if (path.ends_with("/status/shutdown")) {
      TRY(guest_.tool("lxc-stop", {"-t", "10"}));
    } else if (path.ends_with("/status/stop")) {
      TRY(guest_.tool("lxc-stop", {"-k"}));
    }
    return FakeProxmox::post(path, form, stop);
  }

 private:
  RealGuest& guest_;
};

class LiveGuestTest : public testing::Test {
 protected:
  void SetUp() override {
    web_.spec.image = "local:vztmpl/busybox.tar.gz";
    ASSERT_TRUE(runtime_.create(web_, stop_));
    const auto started = runtime_.start(web_, stop_);
    ASSERT_TRUE(started) << to_text(started.error());
  }
  State state() { return runtime_.state(web_, stop_).value(); }

  RealGuest real_;
  LiveProxmox api_{real_};
  fakes::FakeClock clock_;
  GuestRuntime runtime_{
      api_, clock_, {"local", 512, real_.vmid, real_.vmid, real_.path(), "vmbr0", "local"}};
  Stop stop_;
  Container web_{ContainerName::parse("web-1").value(),
                 JobId::parse("j").value(),
                 RuntimeKind::pve_lxc,
                 {},
                 {},
                 {},
                 {},
                 {},
                 {}};
};

TEST_F(LiveGuestTest, RunsWithAnInit) {
  EXPECT_EQ(state().status, Status::running);
  EXPECT_GT(state().pid, 1);
}

TEST_F(LiveGuestTest, PausesAndResumesOnlyWhereThatIsLegal) {
  ASSERT_TRUE(runtime_.pause(web_, stop_));
  EXPECT_EQ(state().status, Status::paused);
  EXPECT_EQ(runtime_.pause(web_, stop_).error().code, Code::conflict);
  EXPECT_EQ(runtime_.exec(web_, {{"id"}, {}, "", ""}, nullptr, nullptr, stop_).error().code,
            Code::conflict);
  ASSERT_TRUE(runtime_.resume(web_, stop_));
  EXPECT_EQ(state().status, Status::running);
  EXPECT_EQ(runtime_.resume(web_, stop_).error().code, Code::conflict);
}

TEST_F(LiveGuestTest, RunsAProgramInside) {
  std::string out;
  const auto code = runtime_.exec(
      web_, {{"sh", "-c", "echo $A; exit 3"}, {{"A", "b"}}, "/srv", ""},
      [&](std::string_view text) { out += text; }, [](std::string_view) {}, stop_);
  ASSERT_TRUE(code) << to_text(code.error());
  EXPECT_EQ(*code, 3);
  EXPECT_EQ(out, "b\n");
}

TEST_F(LiveGuestTest, StopTellsTheCodeOfItsInitWhereTheKernelDoes) {
  // A process of ours says whether this kernel tells at all.
  system::Child child = system::Child::start({"sleep", "1000"}).value();
  const std::uint64_t start = system::start_time_of(child.pid()).value();
  const system::UniqueFd pidfd = std::move(system::open_process({child.pid(), start}).value());
  child.signal(SIGKILL);
  ASSERT_TRUE(child.wait(stop_));
  const bool told = exit_code_of(pidfd.get()).has_value();

  const auto exit = runtime_.stop(web_, SIGTERM, std::chrono::seconds(10), stop_);
  ASSERT_TRUE(exit) << to_text(exit.error());
  EXPECT_EQ(exit->code, told ? std::optional(5) : std::nullopt);
  EXPECT_EQ(state().status, Status::stopped);
}

TEST_F(LiveGuestTest, APausedOneIsResumedToBeStopped) {
  ASSERT_TRUE(runtime_.pause(web_, stop_));
  ASSERT_TRUE(runtime_.stop(web_, SIGTERM, std::chrono::seconds(10), stop_));
  EXPECT_EQ(state().status, Status::stopped);
}

TEST_F(LiveGuestTest, ASignalReachesItsInit) {
  const pid_t init = state().pid;
  const system::UniqueFd pidfd =
      std::move(system::open_process({init, system::start_time_of(init).value()}).value());
  ASSERT_TRUE(runtime_.kill(web_, SIGTERM, stop_));
  pollfd end{pidfd.get(), POLLIN, 0};
  EXPECT_EQ(poll(&end, 1, 10'000), 1);
}

TEST_F(LiveGuestTest, AForcedRemoveEndsAlsoAPausedOne) {
  ASSERT_TRUE(runtime_.pause(web_, stop_));
  ASSERT_TRUE(runtime_.remove(web_, true, stop_));
  EXPECT_EQ(runtime_.state(web_, stop_).error().code, Code::not_found);
}

}  // namespace
}  // namespace drover::runtimes
