// What a policy says of networks, and of folders that the rest of the configuration relies on.
#include <gmock/gmock.h>

#include "agent/core/config.h"

namespace drover {
namespace {

TEST(ConfigPolicyTest, ImagesAndProfilesLieNowhereThatAContainerMayWrite) {
  const auto faults = [](const std::string& binds) {
    const auto read = parse_config(
        R"({"container":{"image_folders":["/srv/images/"]},"policy":{"seccomp":["/etc/p"],"binds":[)" +
        binds + "]}}");
    std::vector<std::string> pointers;
    for (const Fault& fault : read ? std::vector<Fault>() : read.error().faults) {
      EXPECT_EQ(fault.line, 1U);
      pointers.push_back(fault.pointer);
    }
    return pointers;
  };
  using testing::ElementsAre;
  const std::vector<std::string> none;
  const std::string read_only = R"({"source":"/srv/images"},{"source":"/etc/p"})";
  EXPECT_EQ(faults(read_only), none);
  EXPECT_EQ(faults(R"({"source":"/"})"), none);
  EXPECT_EQ(faults(R"({"source":"/srv/imagesx","read_only":false})"), none);
  EXPECT_THAT(faults(R"({"source":"/srv","read_only":false})"),
              ElementsAre("/container/image_folders"));
  EXPECT_THAT(faults(R"({"source":"/","read_only":false})"),
              ElementsAre("/container/image_folders", "/policy/seccomp"));
  EXPECT_EQ(faults(R"({"source":"/","read_only":false},)" + read_only), none)
      << "the longest rule decides";
  EXPECT_THAT(faults(read_only + R"(,{"source":"/etc/p/mine","read_only":false})"),
              ElementsAre("/policy/seccomp"))
      << "a part of it";
}

TEST(ConfigPolicyTest, ReadsAPolicyOfNetworks) {
  const NetworkPolicy policy = parse_config(R"({"policy":{"network":{
    "bridges":["vmbr*"], "vlans":["100-199","5"], "parents":[], "routed":["10.9.1.1/16"],
    "ports":["8000-8999/tcp","53"], "port_addresses":["127.0.0.1/8"], "forwarding":false}}})")
                                   .value()
                                   .policy.network;
  EXPECT_EQ(policy.bridges, std::vector<std::string>{"vmbr*"});
  EXPECT_EQ(policy.vlans, (std::vector<NumberRange>{{100, 199}, {5, 5}}));
  EXPECT_EQ(policy.routed, std::vector<std::string>{"10.9.0.0/16"});
  EXPECT_EQ(policy.subnets, NetworkPolicy::private_subnets());
  EXPECT_EQ(policy.ports, (std::vector<AllowedPorts>{{{8000, 8999}, "tcp"}, {{53, 53}, ""}}));
  EXPECT_EQ(policy.port_addresses, std::vector<std::string>{"127.0.0.0/8"});
  EXPECT_FALSE(policy.forwarding);
}

}  // namespace
}  // namespace drover
