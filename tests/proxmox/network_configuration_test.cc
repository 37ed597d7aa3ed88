// Bridges that are made in a node's own configuration, beside an admin who changes it too.
#include "proxmox/network_configuration.h"

#include <gmock/gmock.h>
#include <net/if.h>

#include "fakes/sim_node.h"

namespace drover::proxmox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kNetworkPath = "/nodes/pve1/network";

/// The program has a network namespace of its own (services_test.cc).
class NetworkConfigurationTest : public testing::Test {
 protected:
  bool is_in_kernel(const std::string& name) { return if_nametoindex(name.c_str()) != 0; }
  json::Object listed() { return client_->get_whole(kNetworkPath, {}, stop_).value(); }
  /// Without its first two lines, which have times.
  std::string pending() {
    const json::Object whole = listed();
    const json::Value* changes = whole.find("changes");
    const std::string text(changes == nullptr ? "" : changes->string_or(""));
    return text.substr(std::min(text.find("@@"), text.size()));
  }
  std::vector<std::string> configured() {
    std::vector<std::string> names;
    const json::Object whole = listed();
    for (const json::Value& interface : *whole.find("data")->array()) {
      names.emplace_back(interface.at("iface").string_or(""));
    }
    return names;
  }
  /// Somebody at the web interface, who has not applied it.
  void admin_writes(const std::string& name) {
    ASSERT_TRUE(client_->post(kNetworkPath,
                              {{"iface", name}, {"type", "bridge"}, {"autostart", "1"}}, stop_));
  }
  void admin_applies() {
    const Result<json::Value> upid = client_->put(kNetworkPath, {}, stop_);
    ASSERT_TRUE(upid);
    ASSERT_TRUE(tasks_.wait(*upid, std::chrono::seconds(20), stop_));
  }
  /// Half of make_bridge: written, and the agent ended before it was applied.
  void write_ours(const std::string& name) {
    ASSERT_TRUE(client_->post(kNetworkPath,
                              {{"iface", name},
                               {"type", "bridge"},
                               {"autostart", "1"},
                               {"bridge_ports", ""},
                               {"comments", "drover:network:" + name}},
                              stop_));
  }

  fakes::SimNode node_;
  system::SystemClock clock_;
  std::unique_ptr<Client> client_ = node_.client();
  const system::Stop stop_;
  Tasks tasks_{*client_, clock_};
  NetworkConfiguration configuration_{*client_, clock_};
};

TEST_F(NetworkConfigurationTest, ABridgeIsMadeAppliedAndRemoved) {
  const BridgeRequest bridge{"vmbr5", "10.99.5.1/24"};
  ASSERT_TRUE(configuration_.make_bridge(bridge, stop_));
  EXPECT_TRUE(is_in_kernel("vmbr5"));
  EXPECT_EQ(pending(), "");
  EXPECT_THAT(configuration_.own_bridges(stop_).value(), ElementsAre(bridge));
  EXPECT_TRUE(configuration_.make_bridge(bridge, stop_)) << "it is there";
  ASSERT_TRUE(configuration_.remove_bridge("vmbr5", stop_));
  EXPECT_FALSE(is_in_kernel("vmbr5"));
  EXPECT_EQ(pending(), "");
  EXPECT_THAT(configured(), ElementsAre("vmbr0"));
  EXPECT_TRUE(configuration_.remove_bridge("vmbr5", stop_)) << "absent is success";
}

TEST_F(NetworkConfigurationTest, OneThatAnAdminHasChangedIsLeftAsItIs) {
  ASSERT_TRUE(configuration_.make_bridge({"vmbr5", "10.99.5.1/24"}, stop_));
  const Result<> made = configuration_.make_bridge({"vmbr5", "10.99.6.1/24"}, stop_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::conflict);
  EXPECT_THAT(made.error().message, HasSubstr("to address \"10.99.5.1/24\""));
  EXPECT_EQ(pending(), "");
}

TEST_F(NetworkConfigurationTest, OneThatIsUpNeedsNothingWhateverAnAdminHasPending) {
  ASSERT_TRUE(configuration_.make_bridge({"vmbr5", ""}, stop_));
  admin_writes("vmbr7");
  const std::string before = pending();
  EXPECT_TRUE(configuration_.make_bridge({"vmbr5", ""}, stop_));
  EXPECT_EQ(pending(), before);
}

TEST_F(NetworkConfigurationTest, OneThatWasDeletedByHandIsMadeAgainThoughTheApiCallsItActive) {
  ASSERT_TRUE(configuration_.make_bridge({"vmbr5", ""}, stop_));
  ASSERT_TRUE(client_->get("/nodes/pve1/network/vmbr5", {}, stop_)->at("active").boolean_or(false));
  ASSERT_TRUE(system::run_ok({"ip", "link", "delete", "dev", "vmbr5"}, stop_));
  ASSERT_TRUE(client_->get("/nodes/pve1/network/vmbr5", {}, stop_)->at("active").boolean_or(false));
  ASSERT_TRUE(configuration_.make_bridge({"vmbr5", ""}, stop_));
  EXPECT_TRUE(is_in_kernel("vmbr5"));
}

TEST_F(NetworkConfigurationTest, AnotherInterfaceThatCannotComeUpDoesNotUndoOurs) {
  ASSERT_TRUE(client_->post(
      kNetworkPath,
      {{"iface", "vmbr7"}, {"type", "bridge"}, {"autostart", "1"}, {"bridge_ports", "eth77"}},
      stop_));
  const Result<json::Value> upid = client_->put(kNetworkPath, {}, stop_);
  ASSERT_FALSE(tasks_.wait(*upid, std::chrono::seconds(20), stop_)) << "a node of that kind";
  ASSERT_TRUE(configuration_.make_bridge({"vmbr5", ""}, stop_));
  EXPECT_TRUE(is_in_kernel("vmbr5"));
  ASSERT_TRUE(configuration_.remove_bridge("vmbr5", stop_));
  EXPECT_FALSE(is_in_kernel("vmbr5"));
}

TEST_F(NetworkConfigurationTest, WhatSomethingIsPluggedIntoIsPutBack) {
  ASSERT_TRUE(configuration_.make_bridge({"vmbr5", "10.99.5.1/24"}, stop_));
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"ip", "link", "add", "tap100i0", "type", "veth", "peer", "name", "inside"},
           {"ip", "link", "set", "tap100i0", "master", "vmbr5"}}) {
    ASSERT_TRUE(system::run_ok(command, stop_));
  }
  const Result<> removed = configuration_.remove_bridge("vmbr5", stop_);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Code::conflict);
  EXPECT_THAT(configuration_.own_bridges(stop_).value(),
              ElementsAre(BridgeRequest{"vmbr5", "10.99.5.1/24"}));
  EXPECT_EQ(pending(), "");
  ASSERT_TRUE(system::run_ok({"ip", "link", "delete", "dev", "tap100i0"}, stop_));
}

TEST_F(NetworkConfigurationTest, OursIsTakenOutAlsoWhenAnAdminHasWrittenSince) {
  write_ours("vmbr5");
  admin_writes("vmbr7");
  ASSERT_TRUE(configuration_.remove_bridge("vmbr5", stop_));
  EXPECT_THAT(configured(), ElementsAre("vmbr0", "vmbr7"));
  EXPECT_THAT(pending(), HasSubstr("+iface vmbr7"));
}

TEST_F(NetworkConfigurationTest, WhileAnAdminsChangesWaitNothingIsWrittenOrApplied) {
  admin_writes("vmbr7");
  const std::string before = pending();
  const Result<> made = configuration_.make_bridge({"vmbr5", ""}, stop_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::conflict);
  EXPECT_THAT(made.error().message, HasSubstr("wait to be applied there (vmbr7)"));
  EXPECT_EQ(pending(), before);
  EXPECT_FALSE(is_in_kernel("vmbr7"));
  admin_applies();
  EXPECT_TRUE(configuration_.make_bridge({"vmbr5", ""}, stop_));
  admin_writes("vmbr8");
  EXPECT_EQ(configuration_.remove_bridge("vmbr5", stop_).error().code, Code::conflict);
  EXPECT_TRUE(is_in_kernel("vmbr5"));
}

TEST_F(NetworkConfigurationTest, WhatAnEndedAgentHasWrittenIsGoneOnWithOrTakenBack) {
  write_ours("vmbr5");
  EXPECT_NE(pending(), "");
  ASSERT_TRUE(configuration_.make_bridge({"vmbr5", ""}, stop_));
  EXPECT_TRUE(is_in_kernel("vmbr5"));
  write_ours("vmbr6");
  ASSERT_TRUE(configuration_.remove_bridge("vmbr6", stop_));
  EXPECT_EQ(pending(), "");
  EXPECT_THAT(configured(), ElementsAre("vmbr0", "vmbr5"));
}

TEST_F(NetworkConfigurationTest, AnothersBridgeIsLeftAsItIs) {
  EXPECT_EQ(configuration_.make_bridge({"vmbr0", ""}, stop_).error().code, Code::conflict);
  EXPECT_EQ(configuration_.remove_bridge("vmbr0", stop_).error().code, Code::refused);
  EXPECT_THAT(configured(), ElementsAre("vmbr0"));
  EXPECT_THAT(configuration_.own_bridges(stop_).value(), IsEmpty());
}

TEST_F(NetworkConfigurationTest, AnswersThatAreLostAreLookedUp) {
  node_.set_fault("lost", 1, "POST /nodes/pve1/network");
  ASSERT_TRUE(configuration_.make_bridge({"vmbr5", ""}, stop_));
  EXPECT_TRUE(is_in_kernel("vmbr5"));
  node_.set_fault("lost", 1, "DELETE /nodes/pve1/network");
  ASSERT_TRUE(configuration_.remove_bridge("vmbr5", stop_));
  node_.set_fault("lost", 1, "PUT /nodes/pve1/network");
  ASSERT_TRUE(configuration_.make_bridge({"vmbr6", ""}, stop_));
  EXPECT_TRUE(is_in_kernel("vmbr6"));
}

TEST_F(NetworkConfigurationTest, ASubnetThatAnotherInterfaceHasIsRefusedThoughProxmoxTakesIt) {
  ASSERT_TRUE(client_->post(
      kNetworkPath, {{"iface", "vmbr7"}, {"type", "bridge"}, {"cidr", "10.99.5.1/24"}}, stop_));
  admin_applies();
  const Result<> made = configuration_.make_bridge({"vmbr5", "10.99.5.9/16"}, stop_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::conflict);
  EXPECT_THAT(made.error().message, HasSubstr("in the subnet of vmbr7"));
}

TEST_F(NetworkConfigurationTest, WhatCouldNotBeAppliedIsTakenBack) {
  node_.set_fault("lock", 1, "srvreload");
  const Result<> made = configuration_.make_bridge({"vmbr5", ""}, stop_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::unavailable);
  ASSERT_TRUE(configuration_.remove_bridge("vmbr5", stop_));
  EXPECT_EQ(pending(), "");
  EXPECT_THAT(configured(), ElementsAre("vmbr0"));
}

TEST_F(NetworkConfigurationTest, WhoMayNotIsToldWhatIsMissing) {
  node_.set_fault("denied", 1, "POST /nodes/pve1/network");
  const Result<> made = configuration_.make_bridge({"vmbr5", ""}, stop_);
  EXPECT_EQ(made.error().code, Code::refused);
  EXPECT_THAT(made.error().message, HasSubstr("make bridge vmbr5 on node pve1"));
}

TEST_F(NetworkConfigurationTest, WhoMayNotSeeItLeavesNothingBehind) {
  node_.set_fault("hidden", 20, "GET /nodes/pve1/network");
  const Result<> made = configuration_.make_bridge({"vmbr5", ""}, stop_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::refused);
  EXPECT_THAT(made.error().message, HasSubstr("SDN.Use"));
  ASSERT_TRUE(configuration_.remove_bridge("vmbr5", stop_));
  EXPECT_FALSE(is_in_kernel("vmbr5"));
  node_.set_fault("hidden", 0, "GET /nodes/pve1/network");
  EXPECT_EQ(pending(), "");
  EXPECT_THAT(configured(), ElementsAre("vmbr0"));
}

TEST_F(NetworkConfigurationTest, ANameThatProxmoxCannotHaveIsRefusedBeforeAnythingIsAsked) {
  for (const char* name : {"", "5a", "a-b", "vmbr4094567", "v"}) {
    EXPECT_EQ(configuration_.make_bridge({name, ""}, stop_).error().code, Code::invalid) << name;
  }
}

}  // namespace
}  // namespace drover::proxmox
