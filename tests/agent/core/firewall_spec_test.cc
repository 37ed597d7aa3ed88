// What a job may say of a container's firewall, and what it is told of what it may not.
#include "agent/core/firewall_spec.h"

#include <gmock/gmock.h>

#include "agent/core/container_spec.h"

namespace drover {
namespace {

using testing::HasSubstr;

constexpr const char* kWholeFirewall = R"({
  "policy_in": "REJECT", "policy_out": "DROP",
  "rules": [{"type": "in", "action": "ACCEPT", "proto": "tcp", "source": "10.0.0.0/8,+office",
             "dport": "80,443", "comment": "the web"},
            {"type": "out", "action": "ACCEPT", "macro": "DNS", "iface": "net0"},
            {"type": "in", "action": "DROP", "proto": "udp", "dest": "2001:db8::1", "sport": "53:54"}],
  "ipsets": {"office": ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]}})";

FirewallSpec firewall_from(const std::string& text, std::vector<Fault>& found) {
  const json::Value value = json::parse(text).value();
  Faults faults(text);
  FirewallSpec firewall = read_firewall(value, "/spec/firewall", faults);
  found = faults.take();
  return firewall;
}

TEST(FirewallSpecTest, IsReadWholeAndWrittenTheSame) {
  std::vector<Fault> faults;
  const FirewallSpec firewall = firewall_from(kWholeFirewall, faults);
  ASSERT_TRUE(faults.empty()) << faults.front().pointer << " " << faults.front().message;
  EXPECT_EQ(firewall.policy_in, "REJECT");
  ASSERT_EQ(firewall.rules.size(), 3U);
  EXPECT_EQ(firewall.rules.at(0), (FirewallRule{"in", "ACCEPT", "", "tcp", "10.0.0.0/8,+office", "",
                                                "", "80,443", "", "the web"}));
  EXPECT_EQ(firewall.rules.at(1).macro, "DNS");
  EXPECT_EQ(firewall.ipsets.at("office").size(), 3U);
  std::vector<Fault> again;
  EXPECT_EQ(firewall_from(json::write(to_json(firewall)), again), firewall);
}

TEST(FirewallSpecTest, AnEmptyOneLetsNothingInAndEverythingOut) {
  std::vector<Fault> faults;
  const FirewallSpec firewall = firewall_from("{}", faults);
  EXPECT_EQ(firewall.policy_in, "DROP");
  EXPECT_EQ(firewall.policy_out, "ACCEPT");
  Faults none;
  const json::Value spec = json::parse(R"({"firewall":{}})").value();
  EXPECT_TRUE(read_container_spec(spec, "", none).firewall);
  EXPECT_EQ(json::write(to_json(read_container_spec(spec, "", none))), R"({"firewall":{}})");
}

TEST(FirewallSpecTest, WhatProxmoxDoesNotTakeIsNamed) {
  const struct {
    const char* text;
    const char* pointer;
    const char* says;
  } cases[] = {
      {R"({"policy_in":"deny"})", "/spec/firewall/policy_in", "ACCEPT"},
      {R"({"rules":[{"action":"DROP"}]})", "/spec/firewall/rules/0/type", "missing"},
      {R"({"rules":[{"type":"group","action":"DROP"}]})", "/spec/firewall/rules/0/type", "in"},
      {R"({"rules":[{"type":"in","action":"LOG"}]})", "/spec/firewall/rules/0/action", "REJECT"},
      {R"({"rules":[{"type":"in","action":"DROP","dport":"80"}]})", "/spec/firewall/rules/0/dport",
       "proto"},
      {R"({"rules":[{"type":"in","action":"DROP","proto":"tcp","dport":"80 -j ACCEPT"}]})",
       "/spec/firewall/rules/0/dport", "letters"},
      {R"({"rules":[{"type":"in","action":"DROP","source":"10.0.0.1\n"}]})",
       "/spec/firewall/rules/0/source", "letters"},
      {R"({"rules":[{"type":"in","action":"DROP","comment":"a\nb"}]})",
       "/spec/firewall/rules/0/comment", "one line"},
      {R"({"rules":[{"type":"in","action":"DROP","macro":"SSH","proto":"tcp"}]})",
       "/spec/firewall/rules/0/macro", "itself"},
      {R"({"ipsets":{"a b":[]}})", "/spec/firewall/ipsets/a b", "called by"},
      {R"({"ipsets":{"office":["example.org"]}})", "/spec/firewall/ipsets/office", "addresses"},
      {R"({"ipsets":{"Office":[]}})", "/spec/firewall/ipsets/Office", "small"},
      {R"({"ipsets":{"office":["0.0.0.0/0"]}})", "/spec/firewall/ipsets/office", "addresses"},
      {R"({"rules":[{"type":"in","action":"DROP","source":"+Office"}]})",
       "/spec/firewall/rules/0/source", "small"},
      {R"({"rules":[{"type":"in","action":"DROP","iface":"eth0"}]})",
       "/spec/firewall/rules/0/iface", "net0"},
      {R"({"rule":[]})", "/spec/firewall/rule", "rules"},
  };
  for (const auto& wrong : cases) {
    std::vector<Fault> faults;
    firewall_from(wrong.text, faults);
    ASSERT_FALSE(faults.empty()) << wrong.text;
    EXPECT_EQ(faults.front().pointer, wrong.pointer);
    EXPECT_THAT(faults.front().message, HasSubstr(wrong.says)) << wrong.text;
  }
}

}  // namespace
}  // namespace drover
