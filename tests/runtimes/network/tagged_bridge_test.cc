// What is done for a VLAN of a bridge that does not filter them, by what ip(8) says is there. This
// kernel may have neither VLANs nor filtering: tests/integration/vlan_vm does it in one that has.
#include "runtimes/network/tagged_bridge.h"

#include <gmock/gmock.h>

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// vmbr0 with eno1 and a guest's veth in it, and `more` links.
json::Value links(const std::string& more = "", const std::string& eno1 = "") {
  return json::parse(R"([
    {"ifname":"eno1","mtu":9000,"link_type":"ether","master":"vmbr0")" +
                     eno1 + R"(},
    {"ifname":"veth100i0","mtu":9000,"link_type":"ether","master":"vmbr0","linkinfo":{"info_kind":"veth"}},
    {"ifname":"eno2","mtu":1500,"link_type":"ether"},
    {"ifname":"vmbr0","mtu":9000,"link_type":"ether","linkinfo":{"info_kind":"bridge","info_data":
      {"forward_delay":0,"stp_state":0,"ageing_time":30000,"vlan_filtering":0,"mcast_snooping":1}}})" +
                     more + "]")
      .value();
}

std::vector<std::string> lines(const Result<std::vector<IpWords>>& steps) {
  std::vector<std::string> lines;
  if (!steps) {
    return {steps.error().message};
  }
  for (const IpWords& words : *steps) {
    std::string line;
    for (const std::string& word : words) {
      line += (line.empty() ? "" : " ") + word;
    }
    lines.push_back(line);
  }
  return lines;
}

const std::string kTagged = R"(,{"ifname":"vmbr0v42","mtu":9000,"link_type":"ether","linkinfo":
  {"info_kind":"bridge","info_data":{"forward_delay":0,"stp_state":0,"ageing_time":30000,"mcast_snooping":1}}})";

std::string vlan_of(const std::string& link, int id, const std::string& master) {
  return R"(,{"ifname":"eno1.42","mtu":9000,"link_type":"ether","link":")" + link +
         R"(","master":")" + master + R"(","linkinfo":{"info_kind":"vlan","info_data":{"id":)" +
         std::to_string(id) + "}}}";
}

TEST(TaggedBridge, IsMadeBesideItsBridgeWithAVlanOfEachUplink) {
  EXPECT_THAT(
      lines(steps_to_tagged_bridge(links(), "vmbr0", 42)),
      ElementsAre("link add name vmbr0v42 type bridge", "link set dev vmbr0v42 mtu 9000",
                  "link add link eno1 name eno1.42 type vlan id 42", "link set dev eno1.42 up",
                  "link set dev eno1.42 mtu 9000 master vmbr0v42",
                  "link set dev vmbr0v42 type bridge ageing_time 30000 stp_state 0 "
                  "forward_delay 0 mcast_snooping 1",
                  "link set dev vmbr0v42 up"));
}

TEST(TaggedBridge, BondsAndVlansAreUplinksAndEachIsJoined) {
  const std::string bond = R"(,{"ifname":"bond0","mtu":9000,"link_type":"ether","master":"vmbr0",
    "linkinfo":{"info_kind":"bond"}})";
  const auto steps = lines(steps_to_tagged_bridge(links(bond), "vmbr0", 7));
  EXPECT_THAT(steps, testing::Contains("link add link bond0 name bond0.7 type vlan id 7"));
  EXPECT_THAT(steps, testing::Contains("link add link eno1 name eno1.7 type vlan id 7"));
}

TEST(TaggedBridge, OneThatProxmoxHasMadeIsUsedAsItIs) {
  EXPECT_THAT(
      lines(steps_to_tagged_bridge(links(kTagged + vlan_of("eno1", 42, "vmbr0v42")), "vmbr0", 42)),
      ElementsAre("link set dev vmbr0v42 mtu 9000", "link set dev eno1.42 up",
                  "link set dev vmbr0v42 up"));
}

/// A bridge's port hears nothing at its address: whoever asked for a tag had cut the node off from
/// its storage.
TEST(TaggedBridge, AVlanAtWhichTheNodeItselfHasAnAddressStaysItsOwn) {
  const auto used = [](const std::string& scope, const std::string& master) {
    std::string link = vlan_of("eno1", 42, master);
    link.insert(link.size() - 1, R"(,"addr_info":[{"local":"fe80::1","prefixlen":64,"scope":"link"},
      {"local":"10.42.0.5","prefixlen":24,"scope":")" +
                                     scope + R"("}])");
    return steps_to_tagged_bridge(links(link), "vmbr0", 42);
  };
  const auto own = used("global", "");
  ASSERT_FALSE(own);
  EXPECT_EQ(own.error().code, Code::conflict);
  EXPECT_THAT(own.error().message,
              HasSubstr("VLAN 42 of eno1 is the node's own, with address 10.42.0.5/24 at eno1.42"));
  EXPECT_TRUE(used("link", "")) << "which each interface has";
  EXPECT_TRUE(used("global", "vmbr0v42")) << "it is there already";
}

TEST(TaggedBridge, WhatIsInTheWayIsNamed) {
  const auto fault = [](const json::Value& there, const std::string& bridge, std::uint32_t tag) {
    const auto steps = steps_to_tagged_bridge(there, bridge, tag);
    EXPECT_FALSE(steps);
    return steps ? Error{} : steps.error();
  };
  const Error elsewhere = fault(links(vlan_of("eno1", 42, "storage")), "vmbr0", 42);
  EXPECT_EQ(elsewhere.code, Code::conflict);
  EXPECT_THAT(elsewhere.message, HasSubstr("VLAN 42 of eno1 is in bridge storage already"));
  EXPECT_EQ(fault(links(vlan_of("eno2", 42, "")), "vmbr0", 42).code, Code::conflict);
  EXPECT_EQ(fault(links(vlan_of("eno1", 43, "")), "vmbr0", 42).code, Code::conflict);
  EXPECT_EQ(
      fault(links(R"(,{"ifname":"vmbr0v42","linkinfo":{"info_kind":"dummy"}})"), "vmbr0", 42).code,
      Code::conflict);
  EXPECT_EQ(fault(links(), "vmbr9", 42).code, Code::not_found);
  const std::string lonely = R"(,{"ifname":"apps","mtu":1500,"linkinfo":{"info_kind":"bridge"}})";
  const Error alone = fault(links(lonely), "apps", 42);
  EXPECT_EQ(alone.code, Code::refused);
  EXPECT_THAT(alone.message, HasSubstr("no hardware, bond or VLAN is in it"));
  const std::string longest = R"(,{"ifname":"elevenbytes","mtu":1500,"linkinfo":{"info_kind":
    "bridge"}},{"ifname":"enx001122334455","link_type":"ether","master":"elevenbytes"})";
  EXPECT_THAT(fault(links(longest), "elevenbytes", 4094).message,
              HasSubstr("would be called elevenbytesv4094"));
  EXPECT_THAT(fault(links(longest), "elevenbytes", 42).message,
              HasSubstr("would be called enx001122334455.42"));
}

}  // namespace
}  // namespace drover::runtimes
