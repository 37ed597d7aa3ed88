// network.ensure and network.remove of vnets in a zone of Proxmox's SDN.
#include <gmock/gmock.h>

#include "agent/jobs/reconcile/rebuild.h"
#include "agent/jobs/reconcile/reconciler.h"
#include "fakes/meddling_client.h"
#include "networks_fixture.h"

namespace drover::jobs {
namespace {

using runtimes::BridgeState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class VnetNetworksTest : public NetworksFixture {
 protected:
  void SetUp() override {
    NetworksFixture::SetUp();
    tasks_.emplace(*client_, real_clock_);
    vnets_ = std::make_unique<proxmox::Vnets>(*client_, real_clock_, layout_.sdn_lock());
    node_->vnets = vnets_.get();
    ipam_.emplace(*client_);
    leases_ = std::make_unique<runtimes::Leases>(*ipam_, layout_.ipam(), "pve1");
    node_->leases = leases_.get();
    admin_posts("zones", {{"zone", "lab"}, {"type", "simple"}});
    admin_applies();
  }
  JobRow ensure_web(const std::string& id) {
    return ensure(id, "web", {{"zone", "lab"}, {"address", "10.84.0.1/24"}});
  }
  void admin_posts(const std::string& kind, const proxmox::Form& form) {
    const auto answer = client_->post("/cluster/sdn/" + kind, form, stop_);
    ASSERT_TRUE(answer) << answer.error().message;
  }
  void admin_applies() {
    const auto upid = client_->put("/cluster/sdn", {}, stop_);
    ASSERT_TRUE(upid) << upid.error().message;
    ASSERT_TRUE(tasks_->wait(*upid, std::chrono::seconds(20), stop_));
  }
  json::Object run_on(const std::string& id, const std::string& name, const std::string& bridge) {
    json::Object request = run_job(id, name);
    request.find("spec")->object()->set(
        "networks", json::Array{json::Object{{"interface", "eth0"}, {"bridge", bridge}}});
    return request;
  }
  void look_for_leaks() {
    Reconciler reconciler(*node_, *books_, *supervisor_, *intake_, clock_);
    reconciler.look();
    while (reconciler.looks() == 0) {
      loop_->turn(std::chrono::milliseconds(5));
    }
  }

  std::optional<proxmox::Tasks> tasks_;
  std::unique_ptr<proxmox::Vnets> vnets_;
  std::optional<proxmox::Ipam> ipam_;
  std::unique_ptr<runtimes::Leases> leases_;
};

TEST_F(VnetNetworksTest, IsMadeForTheClusterOnceAndRemoved) {
  const JobRow row = ensure_web("j1");
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("\"own\":true"));
  EXPECT_EQ(state_in_kernel("web"), BridgeState::up);
  EXPECT_TRUE(network_->require_bridge("web", stop_)) << "Proxmox's guests can be put on it";
  const NetworkRow kept = *journal_->network("web").value();
  EXPECT_EQ(kept.zone, "lab");
  EXPECT_FALSE(kept.addresses_elsewhere);
  EXPECT_EQ(ensure("j2", "web").state, JobState::succeeded);
  EXPECT_EQ(ensure_web("j3").state, JobState::succeeded);
  EXPECT_THAT(told("network", "web"), ElementsAre("created"));
  ASSERT_EQ(remove("j4", "web").state, JobState::succeeded);
  EXPECT_EQ(state_in_kernel("web"), BridgeState::missing);
  EXPECT_FALSE(vnets_->look_at("web", stop_).value());
  EXPECT_THAT(told("network", "web"), ElementsAre("created", "removed"));
}

TEST_F(VnetNetworksTest, AContainerGetsAnAddressThereAndKeepsTheNetwork) {
  ASSERT_EQ(ensure_web("j1").state, JobState::succeeded);
  const JobRow ran = run(run_on("j2", "web-1", "web"));
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  EXPECT_THAT(journal_->container("web-1").value()->container, HasSubstr("10.84.0."));
  const auto steps = static_cast<std::int64_t>(journal_->steps("j2").value().size());
  for (const Event& event : published_) {
    const json::Value data(event.data);
    if (event.object == "j2" && event.what == "step_done" && data.at("number").integer_or(0) > 1) {
      EXPECT_EQ(data.at("of").integer_or(0), steps) << "with the one that takes the address";
    }
  }
  const JobRow refused = remove("j3", "web");
  EXPECT_THAT(refused.result, HasSubstr("on it are web-1"));
  ASSERT_EQ(run(job("j4", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  EXPECT_EQ(remove("j5", "web").state, JobState::succeeded);
}

TEST_F(VnetNetworksTest, OneThatIsThereOtherwiseIsAConflict) {
  ASSERT_EQ(ensure_web("j1").state, JobState::succeeded);
  const JobRow row = ensure("j2", "web", {{"zone", "lab"}, {"address", "10.85.0.1/24"}});
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("10.84.0.1/24"));
  EXPECT_THAT(row.result, HasSubstr("in zone lab"));
}

TEST_F(VnetNetworksTest, OneOfAnotherNodesAgentIsTakenOverAndStaysWhenTheJobFails) {
  proxmox::Vnets other(*client_, real_clock_, folder_.path() / "another-lock");
  ASSERT_TRUE(other.make({.name = "web", .zone = "lab", .address = "10.84.0.1/24"}, stop_));
  EXPECT_THAT(remove("j1", "web").result, HasSubstr("or of another node"));
  EXPECT_THAT(ensure("j2", "web", {{"zone", "lab"}}).result, HasSubstr("conflict"));
  const JobRow row = ensure_web("j3");
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("\"own\":true"));
  EXPECT_EQ(journal_->network("web").value()->address, "10.84.0.1/24");
  EXPECT_EQ(remove("j4", "web").state, JobState::succeeded);
}

TEST_F(VnetNetworksTest, OneThatAnotherNodesAgentMakesMeanwhileStaysWhenTheJobFails) {
  fakes::MeddlingClient meddled(*client_);
  vnets_ = std::make_unique<proxmox::Vnets>(meddled, real_clock_, layout_.sdn_lock());
  node_->vnets = vnets_.get();
  meddled.before = [&](const std::string& line) {
    if (line == "POST /cluster/sdn/lock") {
      proxmox::Vnets other(*client_, real_clock_, folder_.path() / "another-lock");
      ASSERT_TRUE(other.make({.name = "web", .zone = "lab", .address = "10.84.0.1/24"}, stop_));
      ASSERT_TRUE(client_->post("/cluster/sdn/lock", {}, stop_));
      ip({"link", "delete", "web"});  // this node has not got it yet
    }
  };
  meddled.after = [&](const std::string& line) -> std::optional<Error> {
    if (line == "POST /cluster/sdn/lock") {
      EXPECT_TRUE(client_->del("/cluster/sdn/lock", {{"force", "1"}}, stop_));
    }
    return std::nullopt;
  };
  json::Object request =
      job("j1", "network.ensure", "web", {{"zone", "lab"}, {"address", "10.84.0.1/24"}});
  request.set("attempts", 1);
  const JobRow row = run(request);
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("somebody has the lock"));
  EXPECT_TRUE(vnets_->look_at("web", stop_).value()) << "it is the other node's";
  EXPECT_THAT(journal_->networks().value(), IsEmpty());
  meddled.before = [](const std::string&) {};
  meddled.after = [](const std::string&) -> std::optional<Error> { return std::nullopt; };
  EXPECT_EQ(ensure_web("j2").state, JobState::succeeded);
}

TEST_F(VnetNetworksTest, AContainerOnABridgeThatIsNoVnetCostsNoMoreRequests) {
  ip({"link", "add", "name", "vmbr0", "type", "bridge"});
  ip({"link", "set", "vmbr0", "up"});
  fakes::MeddlingClient meddled(*client_);
  network_ = std::make_unique<proxmox::Network>(meddled);
  node_->proxmox_network = network_.get();
  proxmox::Ipam ipam(meddled);
  leases_ = std::make_unique<runtimes::Leases>(ipam, layout_.ipam(), "pve1");
  node_->leases = leases_.get();
  const JobRow ran = run(run_on("j1", "web-1", "vmbr0"));
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  EXPECT_THAT(meddled.lines, SizeIs(2)) << "before anything is made, and before it is plugged in";
}

TEST_F(VnetNetworksTest, AVnetOfAnAdminIsUsedAsItIs) {
  admin_posts("vnets", {{"vnet", "theirs"}, {"zone", "lab"}});
  admin_applies();
  const JobRow refused = ensure("j1", "theirs", {{"zone", "lab"}});
  EXPECT_EQ(refused.state, JobState::failed);
  EXPECT_THAT(refused.result, HasSubstr("refused"));
  const JobRow row = ensure("j2", "theirs");
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("\"own\":false"));
  EXPECT_THAT(journal_->networks().value(), IsEmpty());
}

TEST_F(VnetNetworksTest, AZoneThatIsNotThereIsToldWithThoseThatAre) {
  const JobRow row = ensure("j1", "web", {{"zone", "nowhere"}});
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("it has lab;"));
  EXPECT_THAT(journal_->networks().value(), IsEmpty());
}

TEST_F(VnetNetworksTest, WithoutProxmoxThereIsNoZone) {
  node_->proxmox_network = nullptr;
  node_->network_configuration = nullptr;
  node_->vnets = nullptr;
  const JobRow row = ensure("j1", "web", {{"zone", "lab"}});
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("zones are Proxmox's"));
}

TEST_F(VnetNetworksTest, WhatANodeDoesNotGetIsTakenBackFromTheCluster) {
  admin_posts("zones", {{"zone", "vlans"}, {"type", "vlan"}, {"bridge", "vmbr77"}});
  admin_applies();
  const JobRow row = ensure("j1", "web", {{"zone", "vlans"}, {"tag", 5}});
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("does not have it"));
  EXPECT_FALSE(vnets_->look_at("web", stop_).value());
  EXPECT_THAT(journal_->networks().value(), IsEmpty());
}

TEST_F(VnetNetworksTest, BesideAnAdminsPendingChangesNothingIsDone) {
  admin_posts("vnets", {{"vnet", "theirs"}, {"zone", "lab"}});
  const JobRow row = ensure_web("j1");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("(vnet theirs)"));
  EXPECT_THAT(journal_->networks().value(), IsEmpty());
  EXPECT_EQ(state_in_kernel("theirs"), BridgeState::missing);
}

TEST_F(VnetNetworksTest, AddressesOfAVnetThatSpansNodesAreNotThisNodesToGiveOut) {
  ip({"link", "add", "name", "vmbr9", "type", "bridge"});
  admin_posts("zones", {{"zone", "vlans"}, {"type", "vlan"}, {"bridge", "vmbr9"}});
  admin_applies();
  const JobRow row =
      ensure("j1", "web", {{"zone", "vlans"}, {"tag", 5}, {"address", "10.84.0.1/24"}});
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_TRUE(journal_->network("web").value()->addresses_elsewhere);
  const JobRow ran = run(run_on("j2", "web-1", "web"));
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  EXPECT_THAT(journal_->container("web-1").value()->container, HasSubstr("\"address\":\"\""));
  ASSERT_EQ(run(job("j3", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  EXPECT_EQ(remove("j4", "web").state, JobState::succeeded);
}

TEST_F(VnetNetworksTest, WhoGivesItsAddressesIsAskedAnewEachTime) {
  ASSERT_EQ(ensure_web("j1").state, JobState::succeeded);
  NetworkRow row = *journal_->network("web").value();
  row.addresses_elsewhere = true;  // as before an admin took its zone's IPAM away
  ASSERT_TRUE(journal_->put_network(row));
  ASSERT_TRUE(journal_->commit());
  ASSERT_EQ(ensure("j2", "web").state, JobState::succeeded);
  EXPECT_FALSE(journal_->network("web").value()->addresses_elsewhere);
  EXPECT_THAT(told("network", "web"), ElementsAre("created"));
}

TEST_F(VnetNetworksTest, AddressesThatProxmoxKeepsAreItsToGiveAndComeBack) {
  admin_posts("zones",
              {{"zone", "kept"}, {"type", "simple"}, {"ipam", "pve"}, {"dhcp", "dnsmasq"}});
  admin_applies();
  const JobRow made = ensure("j1", "web", {{"zone", "kept"}, {"address", "10.84.0.1/24"}});
  ASSERT_EQ(made.state, JobState::succeeded) << made.result;
  EXPECT_TRUE(journal_->network("web").value()->addresses_elsewhere);
  const JobRow ran = run(run_on("j2", "web-1", "web"));
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  const auto taken = ipam_->taken("kept", stop_).value().value();
  ASSERT_THAT(taken, SizeIs(2)) << "the gateway's and the container's";
  const auto& [address, mac] =
      taken.begin()->first == "10.84.0.1" ? *taken.rbegin() : *taken.begin();
  const std::string record = journal_->container("web-1").value()->container;
  EXPECT_THAT(record, HasSubstr("\"address\":\"" + address + "/24\""));
  EXPECT_THAT(record, HasSubstr("\"mac\":\"" + mac + "\"")) << "the interface has it, too";
  EXPECT_THAT(record, HasSubstr("\"gateway\":\"10.84.0.1\""));
  ASSERT_EQ(run(job("j3", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  EXPECT_THAT(ipam_->taken("kept", stop_).value().value(), SizeIs(1));
  EXPECT_THAT(leases_->inventory().value(), IsEmpty());
  EXPECT_EQ(remove("j4", "web").state, JobState::succeeded);
}

TEST_F(VnetNetworksTest, ALeaseWhoseFileIsDamagedComesBackWithItsContainerAndHoldsNoOther) {
  admin_posts("zones",
              {{"zone", "kept"}, {"type", "simple"}, {"ipam", "pve"}, {"dhcp", "dnsmasq"}});
  admin_applies();
  ASSERT_EQ(ensure("j1", "web", {{"zone", "kept"}, {"address", "10.84.0.1/24"}}).state,
            JobState::succeeded);
  ASSERT_EQ(run(run_on("j2", "web-1", "web")).state, JobState::succeeded);
  std::ofstream(leases_->inventory().value().front().file) << "damaged";
  const std::string stray = layout_.ipam() / "web/10.84.0.77";
  std::ofstream(stray) << "damaged";
  look_for_leaks();
  EXPECT_THAT(told("resource", "lease:" + stray), ElementsAre("leaked"));
  const std::vector<LeakRow> leaks = journal_->leaks().value();
  ASSERT_THAT(leaks, SizeIs(1)) << "the other one a container has";
  EXPECT_EQ(leaks.front().collect_at, 0) << "it waits for an order";
  EXPECT_THAT(leaks.front().message, HasSubstr("cannot be read"));
  const JobRow ran = run(run_on("j3", "web-2", "web"));
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  for (const char* name : {"web-1", "web-2"}) {
    const JobRow gone =
        run(job("j4-" + std::string(name), "container.delete", name, {{"force", true}}));
    ASSERT_EQ(gone.state, JobState::succeeded) << gone.result;
  }
  EXPECT_THAT(ipam_->taken("kept", stop_).value().value(), SizeIs(1)) << "the gateway's";
  EXPECT_THAT(leases_->inventory().value(), SizeIs(1));
}

TEST_F(VnetNetworksTest, AnAddressOfAnotherNodesContainerIsAConflictAndKeepsTheNetwork) {
  admin_posts("zones",
              {{"zone", "kept"}, {"type", "simple"}, {"ipam", "pve"}, {"dhcp", "dnsmasq"}});
  admin_applies();
  ASSERT_EQ(ensure("j1", "web", {{"zone", "kept"}, {"address", "10.84.0.1/24"}}).state,
            JobState::succeeded);
  ASSERT_TRUE(ipam_->claim({"kept", "web", "10.84.0.7", "02:00:00:00:00:07"}, stop_));
  json::Object request = run_on("j2", "web-1", "web");
  request.find("spec")->object()->set(
      "networks", json::Array{json::Object{
                      {"interface", "eth0"}, {"bridge", "web"}, {"address", "10.84.0.7/24"}}});
  const JobRow row = run(request);
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("\"conflict\""));
  EXPECT_THAT(row.result, HasSubstr("10.84.0.7"));
  EXPECT_THAT(leases_->inventory().value(), IsEmpty());
  const JobRow removed = remove("j3", "web");
  EXPECT_EQ(removed.state, JobState::failed);
  EXPECT_THAT(removed.result, HasSubstr("not empty"));
  EXPECT_EQ(state_in_kernel("web"), BridgeState::up);
  EXPECT_TRUE(client_->post("/cluster/sdn/lock", {}, stop_)) << "nobody has it";
}

TEST_F(VnetNetworksTest, ALockWhoseJobHasEndedIsGivenBackByTheReconciler) {
  proxmox::SdnLock left(*client_, real_clock_, layout_.sdn_lock());
  ASSERT_TRUE(left.take(false, "test", stop_));
  look_for_leaks();
  EXPECT_TRUE(client_->post("/cluster/sdn/lock", {}, stop_)) << "nobody has it";
  EXPECT_FALSE(std::filesystem::exists(layout_.sdn_lock()));
}

TEST_F(VnetNetworksTest, ARebuiltJournalHasThemAgainAndNobodysLockIsLeft) {
  ASSERT_EQ(ensure_web("j1").state, JobState::succeeded);
  end_agent();
  for (const char* end : {"", "-wal", "-shm"}) {
    std::filesystem::remove(layout_.journal().native() + end);
  }
  proxmox::SdnLock left(*client_, real_clock_, layout_.sdn_lock());
  ASSERT_TRUE(left.take(false, "test", stop_));
  start_agent();
  ASSERT_TRUE(rebuild_containers(*books_, *node_, clock_, {}, stop_));
  const std::vector<NetworkRow> rows = journal_->networks().value();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows.front().zone, "lab");
  EXPECT_EQ(rows.front().address, "10.84.0.1/24");
  EXPECT_TRUE(client_->post("/cluster/sdn/lock", {}, stop_));
}

}  // namespace
}  // namespace drover::jobs
