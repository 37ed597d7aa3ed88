// network.ensure and network.remove on a node of Proxmox: what they do to its configuration, beside
// an admin who changes it, too.
#include <gmock/gmock.h>

#include "agent/jobs/reconcile/rebuild.h"
#include "networks_fixture.h"

namespace drover::jobs {
namespace {

using runtimes::BridgeState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ProxmoxNetworksTest : public NetworksFixture {
 protected:
  /// What waits to be applied.
  std::string pending() {
    const json::Object whole = client_->get_whole("/nodes/pve1/network", {}, stop_).value();
    const json::Value* changes = whole.find("changes");
    return changes == nullptr ? "" : std::string(changes->string_or(""));
  }
  void admin_writes(const std::string& name) {
    ASSERT_TRUE(client_->post("/nodes/pve1/network", {{"iface", name}, {"type", "bridge"}}, stop_));
  }
};

TEST_F(ProxmoxNetworksTest, IsMadeInItsConfigurationOnceAndRemoved) {
  const JobRow row = ensure("j1", "vmbr5", {{"address", "10.84.0.1/24"}});
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("\"own\":true"));
  EXPECT_EQ(state_in_kernel("vmbr5"), BridgeState::up);
  EXPECT_TRUE(network_->require_bridge("vmbr5", stop_)) << "Proxmox's guests can be put on it";
  EXPECT_TRUE(journal_->network("vmbr5").value()->by_proxmox);
  EXPECT_EQ(ensure("j2", "vmbr5").state, JobState::succeeded);
  EXPECT_THAT(told("network", "vmbr5"), ElementsAre("created"));
  ASSERT_EQ(remove("j3", "vmbr5").state, JobState::succeeded);
  EXPECT_EQ(state_in_kernel("vmbr5"), BridgeState::missing);
  EXPECT_EQ(pending(), "");
  EXPECT_THAT(told("network", "vmbr5"), ElementsAre("created", "removed"));
}

TEST_F(ProxmoxNetworksTest, BesideAnAdminsPendingChangesNothingIsDone) {
  admin_writes("vmbr7");
  const JobRow row = ensure("j1", "vmbr5");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("\"conflict\""));
  EXPECT_THAT(row.result, HasSubstr("wait to be applied there (vmbr7)"));
  EXPECT_THAT(journal_->networks().value(), IsEmpty());
  EXPECT_THAT(pending(), HasSubstr("+iface vmbr7"));
  EXPECT_THAT(pending(), Not(HasSubstr("vmbr5")));
  EXPECT_EQ(state_in_kernel("vmbr7"), BridgeState::missing);
}

TEST_F(ProxmoxNetworksTest, WhatCouldNotBeAppliedIsTakenBack) {
  sim_->set_fault("lock", 20, "srvreload");
  json::Object request = job("j1", "network.ensure", "vmbr5");
  request.set("attempts", 1);
  const JobRow row = run(request);
  EXPECT_EQ(row.state, JobState::failed) << row.result;
  EXPECT_EQ(pending(), "");
  EXPECT_THAT(configuration_->own_bridges(stop_).value(), IsEmpty());
  EXPECT_THAT(journal_->networks().value(), IsEmpty());
}

TEST_F(ProxmoxNetworksTest, ABridgeThatGuestsOfOthersAreOnStays) {
  ASSERT_EQ(ensure("j1", "vmbr5").state, JobState::succeeded);
  ip({"link", "add", "tap100i0", "type", "veth", "peer", "name", "inside"});
  ip({"link", "set", "tap100i0", "master", "vmbr5"});
  const JobRow row = remove("j2", "vmbr5");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("plugged into it are tap100i0"));
  EXPECT_EQ(state_in_kernel("vmbr5"), BridgeState::up);
  EXPECT_EQ(journal_->network("vmbr5").value()->busy, "");
  ip({"link", "delete", "tap100i0"});
  EXPECT_EQ(remove("j3", "vmbr5").state, JobState::succeeded);
}

TEST_F(ProxmoxNetworksTest, ANameThatProxmoxDoesNotTakeIsRefusedWithWhatItTakes) {
  const JobRow row = ensure("j1", "my-network");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("\"invalid\""));
  EXPECT_THAT(row.result, HasSubstr("2 to 10 letters, digits"));
}

TEST_F(ProxmoxNetworksTest, OneOfALostJournalIsKnownByItsCommentAndCanBeRemoved) {
  ASSERT_EQ(ensure("j1", "vmbr5", {{"address", "10.84.0.1/24"}}).state, JobState::succeeded);
  ASSERT_TRUE(journal_->erase_network("vmbr5"));
  ASSERT_TRUE(journal_->commit());
  EXPECT_THAT(remove("j2", "vmbr5").result, HasSubstr("before its journal was lost"));
  const JobRow row = ensure("j3", "vmbr5");
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("\"own\":true"));
  EXPECT_EQ(journal_->network("vmbr5").value()->address, "10.84.0.1/24");
  EXPECT_EQ(remove("j4", "vmbr5").state, JobState::succeeded);
  EXPECT_EQ(state_in_kernel("vmbr5"), BridgeState::missing);
}

TEST_F(ProxmoxNetworksTest, OneOfALostJournalStaysWhenTheJobThatFindsItFails) {
  ASSERT_EQ(ensure("j1", "vmbr5").state, JobState::succeeded);
  ip({"link", "add", "tap100i0", "type", "veth", "peer", "name", "inside"});
  ip({"link", "set", "tap100i0", "master", "vmbr5"});
  ASSERT_TRUE(journal_->erase_network("vmbr5"));
  ASSERT_TRUE(journal_->commit());
  EXPECT_THAT(ensure("j2", "vmbr5", {{"address", "10.84.0.1/24"}}).result, HasSubstr("conflict"));
  ip({"link", "delete", "tap100i0"});
  ip({"link", "delete", "vmbr5"});
  sim_->set_fault("lock", 20, "srvreload");
  json::Object request = job("j3", "network.ensure", "vmbr5");
  request.set("attempts", 1);
  EXPECT_EQ(run(request).state, JobState::failed);
  EXPECT_THAT(configuration_->own_bridges(stop_).value(), SizeIs(1));
}

TEST_F(ProxmoxNetworksTest, AnInterfaceThatIsConfiguredAndNotThereIsNotTakenForOurs) {
  admin_writes("vmbr7");
  const JobRow row = ensure("j1", "vmbr7");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("is configured in Proxmox, is not Drover's"));
  EXPECT_THAT(journal_->networks().value(), IsEmpty());
  EXPECT_THAT(pending(), HasSubstr("+iface vmbr7"));
}

TEST_F(ProxmoxNetworksTest, ARefusedRemovalChangesNothingOfWhatAnAdminHasChanged) {
  ASSERT_EQ(ensure("j1", "vmbr5", {{"address", "10.84.0.1/24"}}).state, JobState::succeeded);
  ASSERT_TRUE(client_->put("/nodes/pve1/network/vmbr5",
                           {{"type", "bridge"},
                            {"autostart", "1"},
                            {"comments", "drover:network:vmbr5"},
                            {"cidr", "10.85.0.1/24"}},
                           stop_));
  ip({"link", "add", "tap100i0", "type", "veth", "peer", "name", "inside"});
  ip({"link", "set", "tap100i0", "master", "vmbr5"});
  EXPECT_EQ(remove("j2", "vmbr5").state, JobState::failed);
  EXPECT_EQ(configuration_->own_bridges(stop_).value().front().cidr, "10.85.0.1/24");
}

TEST_F(ProxmoxNetworksTest, ContainersStayPluggedInWhenTheNetworkIsApplied) {
  ASSERT_EQ(ensure("j1", "vmbr5", {{"address", "10.84.0.1/24"}}).state, JobState::succeeded);
  json::Object request = run_job("j2", "web-1");
  request.find("spec")->object()->set(
      "networks", json::Array{json::Object{{"interface", "eth0"}, {"bridge", "vmbr5"}}});
  ASSERT_EQ(run(request).state, JobState::succeeded);
  const std::vector<std::string> before = runtimes::ports_of_bridge("vmbr5", stop_).value();
  ASSERT_THAT(before, SizeIs(1));
  ASSERT_EQ(ensure("j3", "vmbr6").state, JobState::succeeded);
  EXPECT_EQ(runtimes::ports_of_bridge("vmbr5", stop_).value(), before);
}

TEST_F(ProxmoxNetworksTest, TwoNetworksAtOnceAreNotEachOthersForeignChange) {
  submit(job("j1", "network.ensure", "vmbr5"));
  submit(job("j2", "network.ensure", "vmbr6"));
  EXPECT_EQ(await("j1").state, JobState::succeeded);
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(state_in_kernel("vmbr5"), BridgeState::up);
  EXPECT_EQ(state_in_kernel("vmbr6"), BridgeState::up);
}

TEST_F(ProxmoxNetworksTest, ARebuiltJournalHasThemAgain) {
  ASSERT_EQ(ensure("j1", "vmbr5", {{"address", "10.84.0.1/24"}}).state, JobState::succeeded);
  end_agent();
  for (const char* end : {"", "-wal", "-shm"}) {
    std::filesystem::remove(layout_.journal().native() + end);
  }
  start_agent();
  ASSERT_TRUE(rebuild_containers(*books_, *node_, clock_, {}, stop_));
  const std::vector<NetworkRow> rows = journal_->networks().value();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows.front().address, "10.84.0.1/24");
  EXPECT_TRUE(rows.front().by_proxmox);
}

TEST_F(ProxmoxNetworksTest, WithProxmoxTurnedOffWhatItHasStillIsNotCalledRemoved) {
  ASSERT_EQ(ensure("j1", "vmbr5").state, JobState::succeeded);
  node_->proxmox_network = nullptr;
  node_->network_configuration = nullptr;
  const json::Object by_force = job("j3", "network.remove", "vmbr5", {{"force", true}});
  EXPECT_EQ(run(by_force).state, JobState::failed) << "it is there";
  ip({"link", "delete", "vmbr5"});
  const JobRow row = remove("j2", "vmbr5");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("\"refused\""));
  EXPECT_THAT(row.result, HasSubstr("set proxmox.enabled, or strike it off by force"));
  const std::optional<NetworkRow> kept = journal_->network("vmbr5").value();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->busy, "");
  EXPECT_EQ(run(job("j4", "network.remove", "vmbr5", {{"force", true}})).state,
            JobState::succeeded);
  EXPECT_THAT(journal_->networks().value(), IsEmpty());
  EXPECT_THAT(configuration_->own_bridges(stop_).value(), SizeIs(1));
}

TEST_F(ProxmoxNetworksTest, OneThatIsBeingMadeIsNotForgottenWithProxmoxTurnedOff) {
  ASSERT_EQ(ensure("j1", "vmbr5").state, JobState::succeeded);
  NetworkRow cut_off = *journal_->network("vmbr5").value();
  cut_off.busy = "j1";
  ASSERT_TRUE(journal_->put_network(cut_off));
  StepRow step = std::vector<StepRow>(journal_->steps("j1").value()).back();
  step.state = StepState::intent;
  ASSERT_TRUE(journal_->put_step(step));
  ASSERT_TRUE(journal_->set_job("j1", JobState::running, "null", 0));
  ASSERT_TRUE(journal_->begin_job("j1"));
  ASSERT_TRUE(journal_->ask_to_end("j1", "cancelled"));
  ASSERT_TRUE(journal_->commit());
  node_->proxmox_network = nullptr;
  node_->network_configuration = nullptr;
  restart_agent();
  EXPECT_EQ(await("j1").state, JobState::cancelled);
  const std::optional<NetworkRow> kept = journal_->network("vmbr5").value();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->busy, "");
}

}  // namespace
}  // namespace drover::jobs
