#include "agent/system/inner_connection.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "agent/system/child.h"
#include "fakes/inner_listener.h"
#include "fakes/private_mounts.h"

namespace drover::system {
namespace {

using testing::HasSubstr;

constexpr const char* kInside = "/run/netns/inside";

class InnerConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(run_ok({"ip", "netns", "add", "inside"}, stop_));
    ASSERT_TRUE(run_ok({"ip", "-n", "inside", "link", "set", "lo", "up"}, stop_));
  }
  void TearDown() override { EXPECT_TRUE(run_ok({"ip", "netns", "delete", "inside"}, stop_)); }

  Stop stop_;
};

TEST_F(InnerConnectionTest, ReachesWhoListensInThereAndNobodyElseDoes) {
  const fakes::InnerListener listener(kInside, 8080);
  const Result<UniqueFd> connected = connect_within(kInside, "127.0.0.1", 8080, stop_);
  ASSERT_TRUE(connected) << connected.error().message;
  EXPECT_TRUE(listener.has_visitor());
  const Result<UniqueFd> outside = connect_within("/proc/self/ns/net", "127.0.0.1", 8080, stop_);
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, Code::conflict);
  EXPECT_THAT(outside.error().message, HasSubstr("127.0.0.1 port 8080"));
}

TEST_F(InnerConnectionTest, TheCallersThreadStaysOutside) {
  const fakes::InnerListener listener(kInside, 8080);
  const std::filesystem::path before = std::filesystem::read_symlink("/proc/thread-self/ns/net");
  ASSERT_TRUE(connect_within(kInside, "127.0.0.1", 8080, stop_));
  EXPECT_EQ(std::filesystem::read_symlink("/proc/thread-self/ns/net"), before);
}

TEST_F(InnerConnectionTest, SpeaksBothFamilies) {
  const Result<UniqueFd> refused = connect_within(kInside, "::1", 8080, stop_);
  EXPECT_EQ(refused.error().code, Code::conflict) << refused.error().message;
}

TEST_F(InnerConnectionTest, ANamespaceThatIsGoneIsNotFound) {
  EXPECT_EQ(connect_within("/run/netns/gone", "127.0.0.1", 1, stop_).error().code, Code::not_found);
}

TEST_F(InnerConnectionTest, AnAddressThatIsNoneIsInvalid) {
  EXPECT_EQ(connect_within(kInside, "localhost", 1, stop_).error().code, Code::invalid);
}

TEST_F(InnerConnectionTest, AConnectionThatNobodyAnswersEndsWhenItIsStopped) {
  // Nobody says who has this address, and the kernel waits some seconds for an answer.
  ASSERT_TRUE(run_ok(
      {"ip", "-n", "inside", "link", "add", "v0", "type", "veth", "peer", "name", "v1"}, stop_));
  ASSERT_TRUE(run_ok({"ip", "-n", "inside", "link", "set", "v1", "up"}, stop_));
  ASSERT_TRUE(run_ok({"ip", "-n", "inside", "address", "add", "192.0.2.1/24", "dev", "v0"}, stop_));
  ASSERT_TRUE(run_ok({"ip", "-n", "inside", "link", "set", "v0", "up"}, stop_));
  Stop patience;
  std::thread asker([&] {
    EXPECT_EQ(connect_within(kInside, "192.0.2.9", 80, patience).error().code, Code::cancelled);
  });
  patience.request();
  asker.join();
}

}  // namespace
}  // namespace drover::system
