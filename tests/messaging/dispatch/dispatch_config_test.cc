#include "messaging/dispatch/daemon/dispatch_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::dispatch {
namespace {

using testing::HasSubstr;

TEST(DispatchConfigTest, NothingIsAWholeConfiguration) {
  const DispatchConfig config = parse_dispatch_config("{}").value();
  EXPECT_EQ(config.tcp.address, "");
  EXPECT_EQ(config.tcp.port, 7130);
  EXPECT_EQ(config.tcp.next_port, 7133);
  EXPECT_EQ(config.user, "drover-dispatch");
}

TEST(DispatchConfigTest, ItIsReadWithComments) {
  const DispatchConfig config =
      parse_dispatch_config(R"({"name": "d1", /* the rack's */ "tcp": {"address": "192.0.2.9"}})")
          .value();
  EXPECT_EQ(config.name, "d1");
  EXPECT_EQ(config.tcp.address, "192.0.2.9");
}

TEST(DispatchConfigTest, EveryFaultIsTold) {
  const auto faulty = parse_dispatch_config(
      R"({"name": "a b", "user": "", "tcp": {"address": "here", "next_port": 7131},
          "etc": 1, "etcd": {"user": "d1", "password_file": "/etc/drover/password"}})");
  ASSERT_FALSE(faulty);
  const std::string told = to_text(faulty.error());
  for (const char* pointer :
       {"/name", "/user", "/tcp/address", "/tcp/next_port", "/etc", "/etcd"}) {
    EXPECT_THAT(told, HasSubstr(pointer));
  }
}

}  // namespace
}  // namespace drover::dispatch
