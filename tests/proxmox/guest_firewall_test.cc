// A guest's firewall against the simulator: rules in order, and what was cut off is gone on with.
#include "proxmox/guest_firewall.h"

#include <gmock/gmock.h>

#include <fstream>

#include "fakes/sim_node.h"
#include "proxmox/guests.h"

namespace drover::proxmox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class GuestFirewallTest : public testing::Test {
 protected:
  void SetUp() override {
    // A guest that is no more than its configuration.
    std::filesystem::create_directories(node_.folder() / "guests");
    std::ofstream(node_.folder() / "guests/100.json") << R"({"hostname":"web","memory":64})";
    ASSERT_TRUE(client_->get("/nodes/pve1/lxc/100/config", {}, stop_));
  }
  json::Value get(const std::string& what) {
    return client_->get("/nodes/pve1/lxc/100/firewall/" + what, {}, stop_).value();
  }
  std::vector<std::string> ports() {
    std::vector<std::string> ports;
    const json::Value rules = get("rules");
    for (const json::Value& rule : *rules.array()) {
      EXPECT_EQ(rule.at("enable").integer_or(0), 1);
      ports.emplace_back(rule.at("dport").string_or(""));
    }
    return ports;
  }

  fakes::SimNode node_;
  std::unique_ptr<Client> client_ = node_.client();
  const system::Stop stop_;
  GuestFirewall firewall_{*client_};
  const FirewallSpec spec_{"DROP",
                           "REJECT",
                           {{"in", "ACCEPT", "", "tcp", "+office", "", "", "80", "", "web"},
                            {"in", "ACCEPT", "", "tcp", "", "", "", "443", "", ""},
                            {"out", "ACCEPT", "", "udp", "", "", "", "53", "", "names"}},
                           {{"office", {"10.0.0.0/8", "192.0.2.7"}}}};
};

TEST_F(GuestFirewallTest, RulesStandInTheirOrderAndAreOn) {
  const Result<> set = firewall_.set(Vmid{100}, spec_, stop_);
  ASSERT_TRUE(set) << to_text(set.error());
  EXPECT_THAT(ports(), ElementsAre("80", "443", "53"));
  EXPECT_EQ(get("rules").array()->front().at("source").string_or(""), "+office");
  EXPECT_EQ(get("options").at("enable").integer_or(0), 1);
  EXPECT_EQ(get("options").at("policy_out").string_or(""), "REJECT");
  EXPECT_EQ(get("ipset/office").array()->size(), 2U);
  ASSERT_TRUE(firewall_.set(Vmid{100}, spec_, stop_));
  EXPECT_THAT(ports(), ElementsAre("80", "443", "53")) << "a second time changes nothing";
}

TEST_F(GuestFirewallTest, WhatWasCutOffIsGoneOnWith) {
  for (const int made : {1, 2}) {
    FirewallSpec last = spec_;
    last.rules.erase(last.rules.begin(), last.rules.end() - made);
    ASSERT_TRUE(firewall_.set(Vmid{100}, last, stop_));
    ASSERT_TRUE(firewall_.set(Vmid{100}, spec_, stop_));
    EXPECT_THAT(ports(), ElementsAre("80", "443", "53"));
  }
}

TEST_F(GuestFirewallTest, RulesThatAreNotWantedGo) {
  FirewallSpec other = spec_;
  other.rules.front().dport = "8080";
  ASSERT_TRUE(firewall_.set(Vmid{100}, other, stop_));
  ASSERT_TRUE(firewall_.set(Vmid{100}, spec_, stop_));
  EXPECT_THAT(ports(), ElementsAre("80", "443", "53"));
}

TEST_F(GuestFirewallTest, AnAnswerThatIsLostMakesNoRuleTwice) {
  node_.set_fault("lost", 2, "POST /nodes/pve1/lxc/100/firewall/rules");
  const Result<> set = firewall_.set(Vmid{100}, spec_, stop_);
  ASSERT_TRUE(set) << to_text(set.error());
  EXPECT_THAT(ports(), ElementsAre("80", "443", "53"));
}

TEST_F(GuestFirewallTest, WhatABackupHadIsNotLetInBesideIt) {
  const std::string path = "/nodes/pve1/lxc/100/firewall";
  for (const auto& [where, form] :
       std::vector<std::pair<std::string, Form>>{{"/ipset", {{"name", "office"}}},
                                                 {"/ipset/office", {{"cidr", "203.0.113.0/24"}}},
                                                 {"/ipset", {{"name", "old"}}},
                                                 {"/ipset/old", {{"cidr", "203.0.113.7"}}},
                                                 {"/rules",
                                                  {{"type", "in"},
                                                   {"action", "DROP"},
                                                   {"proto", "icmp"},
                                                   {"icmp-type", "echo-request"},
                                                   {"enable", "1"}}}}) {
    ASSERT_TRUE(client_->post(path + where, form, stop_)) << where;
  }
  ASSERT_TRUE(client_->put(path + "/options", {{"macfilter", "0"}, {"enable", "1"}}, stop_));
  const Result<> set = firewall_.set(Vmid{100}, spec_, stop_);
  ASSERT_TRUE(set) << to_text(set.error());
  EXPECT_THAT(ports(), ElementsAre("80", "443", "53"));
  const json::Value members = get("ipset/office");
  ASSERT_EQ(members.array()->size(), 2U);
  EXPECT_EQ(get("ipset").array()->size(), 1U);
  EXPECT_EQ(get("options").find("macfilter"), nullptr);
}

TEST_F(GuestFirewallTest, WhereNothingIsFilteredNobodyIsLedToBelieveSo) {
  ASSERT_TRUE(firewall_.require_on(stop_));
  std::ofstream(node_.folder() / "cluster-firewall") << "0";
  const Result<> off = firewall_.require_on(stop_);
  EXPECT_EQ(off.error().code, Code::refused);
  EXPECT_THAT(off.error().message, HasSubstr("the cluster's firewall is off"));
}

}  // namespace
}  // namespace drover::proxmox
