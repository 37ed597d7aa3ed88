// The node's policy of networks: a fresh node shares what was made to be shared, each rule allows
// what it says and nothing beside it, and a refusal names member, value and rule.
#include "agent/jobs/admit_network.h"

#include <gmock/gmock.h>

#include "agent/jobs/admit_policy.h"

namespace drover::jobs {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Config config_with(const std::string& policy) {
  auto read =
      parse_config(R"({"network":{"default_bridge":"vmbr9"},"policy":{"network":)" + policy + "}}");
  EXPECT_TRUE(read) << policy << (read ? "" : to_text(read.error()));
  return read.value_or(Config{});
}

/// "" when it is allowed.
std::string refusal_of(const std::string& policy, const std::string& network) {
  const auto value = json::parse(R"({"networks":[)" + network + "]}");
  EXPECT_TRUE(value) << network;
  Faults faults;
  const ContainerSpec spec = read_container_spec(value.value_or(json::Value()), "", faults);
  const Result<> read = faults.result("spec");
  EXPECT_TRUE(read) << network << (read ? "" : to_text(read.error()));
  const Result<> admitted = admit_policy(config_with(policy), spec, RuntimeKind::crun);
  EXPECT_TRUE(admitted || admitted.error().code == Code::refused);
  return admitted ? "" : admitted.error().message;
}

constexpr const char* kRouted = R"({"kind":"ptp","address":"10.9.0.2/24","gateway":"10.9.0.1"})";

TEST(NetworkPolicyTest, AFreshNodeSharesItsBridgesAndPorts) {
  EXPECT_EQ(refusal_of("{}", R"({"bridge":"vmbr0","vlan":4094,"address":"192.0.2.7/24",
      "gateway":"192.0.2.1","forwarding":"open","bandwidth":{"ingress_kbit_s":8},
      "ports":[{"host":22,"container":22},{"host":53,"container":53,"protocol":"udp",
                "address":"127.0.0.1"},{"host":80,"container":80,"address":"0.0.0.0"}]})"),
            "");
  EXPECT_EQ(refusal_of("{}", R"({"bridge":"vmbr0","address":"2001:db8::7/64",
      "ports":[{"host":80,"container":80,"address":"::"}]})"),
            "");
}

TEST(NetworkPolicyTest, AFreshNodeGivesNoShareOfItsInterfacesAndRoutes) {
  for (const char* kind :
       {R"("kind":"macvlan")", R"("kind":"vlan","vlan":5,"address":"10.9.0.2/24")"}) {
    EXPECT_THAT(refusal_of("{}", fmt::format(R"({{{},"parent":"eno1"}})", kind)),
                AllOf(HasSubstr("networks.parent: eno1 is none of the interfaces"),
                      HasSubstr("its admin may change policy.network.parents")));
  }
  EXPECT_THAT(refusal_of("{}", kRouted),
              AllOf(HasSubstr("networks.address: 10.9.0.2/24 lies in none of the subnets"),
                    HasSubstr("policy.network.routed")));
}

TEST(NetworkPolicyTest, BridgesFitAPatternOrAreTheDefault) {
  const std::string policy = R"({"bridges":["vmbr1?","web"]})";
  for (const char* allowed : {"vmbr10", "web", "vmbr9"}) {
    EXPECT_EQ(refusal_of(policy, fmt::format(R"({{"bridge":"{}"}})", allowed)), "") << allowed;
  }
  for (const char* refused : {"vmbr0", "vmbr1", "vmbr100", "webs"}) {
    EXPECT_THAT(
        refusal_of(policy, fmt::format(R"({{"bridge":"{}"}})", refused)),
        AllOf(HasSubstr(refused), HasSubstr("(vmbr1?, web)"), HasSubstr("policy.network.bridges")));
  }
}

TEST(NetworkPolicyTest, TagsLieInARange) {
  const std::string policy = R"({"vlans":["100-199","5"],"parents":["eno1"]})";
  const auto tag = [&](int number) {
    return refusal_of(policy, fmt::format(R"({{"bridge":"vmbr0","vlan":{}}})", number));
  };
  EXPECT_EQ(refusal_of(policy, R"({"bridge":"vmbr0"})"), "");
  for (const int allowed : {5, 100, 199}) {
    EXPECT_EQ(tag(allowed), "") << allowed;
  }
  for (const int refused : {1, 4, 6, 99, 200}) {
    EXPECT_THAT(tag(refused), HasSubstr("tags that this node lets jobs have (100-199, 5)"))
        << refused;
  }
  EXPECT_NE(
      refusal_of(policy, R"({"kind":"vlan","parent":"eno1","vlan":7,"address":"10.9.0.2/24"})"),
      "");
}

TEST(NetworkPolicyTest, ParentsFitAPattern) {
  const std::string policy = R"({"parents":["eno*"]})";
  EXPECT_EQ(refusal_of(policy, R"({"kind":"macvlan","parent":"eno2"})"), "");
  EXPECT_NE(refusal_of(policy, R"({"kind":"macvlan","parent":"vmbr0"})"), "");
}

TEST(NetworkPolicyTest, RoutedLinksLieInASubnetAtBothEnds) {
  EXPECT_EQ(refusal_of(R"({"routed":["10.9.0.0/16"]})", kRouted), "");
  EXPECT_THAT(refusal_of(R"({"routed":["10.9.0.2/32"]})", kRouted),
              HasSubstr("networks.gateway: 10.9.0.1 lies in none"));
  EXPECT_THAT(refusal_of(R"({"routed":["10.9.0.1/32"]})", kRouted), HasSubstr("networks.address"));
  EXPECT_NE(refusal_of(R"({"routed":["fc00::/7"]})", kRouted), "");
}

TEST(NetworkPolicyTest, PortsLieInARangeOfTheirProtocol) {
  const std::string policy = R"({"ports":["8000-8999/tcp","53"]})";
  const auto port = [&](int host, const char* protocol) {
    return refusal_of(policy, fmt::format(R"({{"bridge":"vmbr0","ports":[{{"host":{},"container":1,
                                           "protocol":"{}"}}]}})",
                                          host, protocol));
  };
  EXPECT_EQ(port(8000, "tcp"), "");
  EXPECT_EQ(port(8999, "tcp"), "");
  EXPECT_EQ(port(53, "udp"), "");
  EXPECT_EQ(port(53, "tcp"), "");
  EXPECT_THAT(port(8000, "udp"),
              AllOf(HasSubstr("networks.ports: 8000/udp"), HasSubstr("(8000-8999/tcp, 53)"),
                    HasSubstr("policy.network.ports")));
  EXPECT_NE(port(7999, "tcp"), "");
  EXPECT_NE(port(9000, "tcp"), "");
}

TEST(NetworkPolicyTest, PortsAreAtAddressesThatAreAllowed) {
  const std::string policy = R"({"port_addresses":["127.0.0.0/8","2001:db8::5/128"]})";
  const auto at = [&](const char* address, const char* own = "") {
    return refusal_of(
        policy, fmt::format(R"({{"bridge":"vmbr0"{},"ports":[{{"host":80,"container":1{}}}]}})",
                            own, address));
  };
  EXPECT_EQ(at(R"(,"address":"127.0.0.1")"), "");
  EXPECT_EQ(at(R"(,"address":"2001:db8:0::5")"), "");
  for (const char* refused : {"", R"(,"address":"0.0.0.0")", R"(,"address":"::")",
                              R"(,"address":"192.0.2.1")", R"(,"address":"2001:db8::6")"}) {
    EXPECT_THAT(at(refused), HasSubstr("policy.network.port_addresses")) << refused;
  }
  const auto six = [](const char* subnets) {
    return refusal_of(fmt::format(R"({{"port_addresses":[{}]}})", subnets),
                      R"({"bridge":"vmbr0","address":"2001:db8::7/64",
                       "ports":[{"host":80,"container":80}]})");
  };
  EXPECT_EQ(six(R"("::/0")"), "");
  EXPECT_NE(six(R"("0.0.0.0/0")"), "");
}

TEST(NetworkPolicyTest, WhatTheNodeHandsOnMayBeItsAdminsAlone) {
  EXPECT_THAT(refusal_of(R"({"forwarding":false})", R"({"bridge":"vmbr0","forwarding":"open"})"),
              HasSubstr("networks.forwarding: open is not allowed by this node"));
}

TEST(NetworkPolicyTest, NetworksThatJobsMakeHaveAllowedNamesAndSubnets) {
  const auto made = [](const std::string& policy, const char* name, const char* address) {
    const Result<> admitted = admit_made_network(config_with(policy), name, address);
    EXPECT_TRUE(admitted || admitted.error().code == Code::refused);
    return admitted ? "" : admitted.error().message;
  };
  EXPECT_EQ(made("{}", "apps", "10.84.0.1/24"), "");
  EXPECT_EQ(made("{}", "apps", "fd00::1/64"), "");
  EXPECT_EQ(made("{}", "apps", ""), "");
  EXPECT_THAT(made("{}", "apps", "8.8.8.1/24"),
              AllOf(HasSubstr("address: 8.8.8.1/24 lies in none of the subnets"),
                    HasSubstr("policy.network.subnets")));
  EXPECT_NE(made("{}", "apps", "10.0.0.1/7"), "") << "more than is allowed";
  EXPECT_NE(made(R"({"subnets":[]})", "apps", "10.84.0.1/24"), "");
  EXPECT_EQ(made(R"({"subnets":["8.8.8.0/24"]})", "apps", "8.8.8.1/24"), "");
  EXPECT_THAT(made(R"({"bridges":["vmbr*"]})", "apps", ""), HasSubstr("policy.network.bridges"));
}

}  // namespace
}  // namespace drover::jobs
