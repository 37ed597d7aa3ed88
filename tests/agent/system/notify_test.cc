#include "agent/system/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "agent/system/unique_fd.h"
#include "fakes/temp_folder.h"

namespace drover::system {
namespace {

/// systemd's end of NOTIFY_SOCKET.
class NotifyTest : public testing::Test {
 protected:
  void SetUp() override {
    socket_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = (folder_ / "notify").native();
    ASSERT_LT(path.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    void* raw = &address;
    ASSERT_EQ(bind(socket_.get(), static_cast<sockaddr*>(raw), sizeof address), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      unsetenv(name);
    }
  }
  std::string received() {
    char text[256] = {};
    const ssize_t size = recv(socket_.get(), text, sizeof text, 0);
    return size < 0 ? "" : std::string(text, static_cast<std::size_t>(size));
  }

  fakes::TempFolder folder_;
  UniqueFd socket_;
};

TEST_F(NotifyTest, TellsSystemdEachThing) {
  notify_ready();
  EXPECT_EQ(received(), "READY=1");
  notify_stopping();
  EXPECT_EQ(received(), "STOPPING=1");
  notify_status("3 jobs");
  EXPECT_EQ(received(), "STATUS=3 jobs");
  notify_watchdog();
  EXPECT_EQ(received(), "WATCHDOG=1");
  EXPECT_EQ(received(), "");
}

TEST_F(NotifyTest, AReloadCarriesItsTime) {
  notify_reloading();
  // Type=notify-reload takes it only with the monotonic time (sd_notify(3)).
  const std::string text = received();
  EXPECT_TRUE(text.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << text;
}

TEST_F(NotifyTest, WithoutSystemdNothingHappens) {
  unsetenv("NOTIFY_SOCKET");
  notify_ready();
  EXPECT_EQ(received(), "");
  EXPECT_EQ(watchdog_interval(), std::nullopt);
}

TEST_F(NotifyTest, TheWatchdogHearsOfUsTwiceAsOftenAsItAsks) {
  setenv("WATCHDOG_USEC", "10000000", 1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds(5));
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_interval(), std::nullopt);
}

}  // namespace
}  // namespace drover::system
