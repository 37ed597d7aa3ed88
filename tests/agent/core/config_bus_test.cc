// Section "bus": where keys lie, and where they are served.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/config.h"

namespace drover {
namespace {

using testing::ElementsAre;

TEST(ConfigBusTest, ByItselfNothingIsServedOverTcp) {
  const Config config = parse_config("{}").value();
  EXPECT_EQ(config.bus.keys, "/etc/drover/keys");
  EXPECT_EQ(config.bus.tcp.address, "");
  EXPECT_EQ(config.bus.tcp.next_port, config.bus.tcp.port + kTcpPorts);
}

TEST(ConfigBusTest, ReadsWhereKeysLieAndAreServed) {
  const Config config = parse_config(R"({"bus": {"keys": "/etc/keys",
      "tcp": {"address": "::1", "port": 9000, "next_port": 8995}}})")
                            .value();
  EXPECT_EQ(config.bus.keys, "/etc/keys");
  EXPECT_EQ(config.bus.tcp.address, "::1");
  EXPECT_EQ(config.bus.tcp.port, 9000);
  EXPECT_EQ(config.bus.tcp.next_port, 8995);
  EXPECT_EQ(parse_config(R"({"bus":{"tcp":{"port":9000}}})").value().bus.tcp.next_port, 9005);
}

TEST(ConfigBusTest, EachFaultPointsToItsMember) {
  const std::map<std::string, std::string> faults = {
      {R"({"bus":{"keys":""}})", "/bus/keys"},
      {R"({"bus":{"tcp":{"address":"node1"}}})", "/bus/tcp/address"},
      {R"({"bus":{"tcp":{"port":65532}}})", "/bus/tcp/port"},
      {R"({"bus":{"tcp":{"port":65530}}})", "/bus/tcp/next_port"},
      {R"({"bus":{"tcp":{"next_port":7113}}})", "/bus/tcp/next_port"},
      {R"({"bus":{"tcp":{"next_port":7121}}})", "/bus/tcp/next_port"}};
  for (const auto& [text, pointer] : faults) {
    const Result<Config> config = parse_config(text);
    ASSERT_FALSE(config) << text;
    std::vector<std::string> pointers;
    for (const Fault& fault : config.error().faults) {
      pointers.push_back(fault.pointer);
    }
    EXPECT_THAT(pointers, ElementsAre(pointer)) << text;
  }
}

}  // namespace
}  // namespace drover
