// What waits on a node whose cluster has no quorum, and what it refuses in maintenance.
#include <gmock/gmock.h>

#include "agent/jobs/container_record.h"
#include "agent/jobs/queries/queries.h"
#include "agent/jobs/quorum_gate.h"
#include "agent/jobs/quorum_need.h"
#include "fakes/fake_cluster.h"
#include "fakes/fake_proxmox.h"
#include "node_fixture.h"
#include "runtimes/volumes/proxmox_volumes.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class QuorumTest : public NodeFixture {
 protected:
  Supervisor::Deeds deeds() override {
    cluster_ = std::make_unique<ClusterWatch>(*loop_, *books_, clock_, ha_,
                                              ClusterWatch::Options{node_->name, "pve1"});
    cluster_->at_change([this] { supervisor_->look_again(); });
    gate_ = std::make_unique<QuorumGate>(*cluster_, *books_, *node_);
    EXPECT_TRUE(cluster_->start());
    node_->proxmox_volumes = &proxmox_volumes_;
    Supervisor::Deeds deeds = NodeFixture::deeds();
    deeds.awaits = [this](const JobRequest& request) { return gate_->awaits(request); };
    deeds.excuses = [this](const JobRequest& request, const system::Stop& stop) {
      return gate_->excuses(request, stop);
    };
    return deeds;
  }
  void end_agent() override {
    books_->close();
    supervisor_.reset();
    gate_.reset();
    cluster_.reset();
    NodeFixture::end_agent();
  }

  /// Turns the loop until the node has told `what` that often.
  void until_told(const std::string& what, long times = 1) {
    const auto is_told = [&] {
      const std::vector<std::string> all = told("node", node_->name);
      return std::count(all.begin(), all.end(), what) >= times;
    };
    while (!is_told()) {
      clock_.advance(std::chrono::seconds(1));
      loop_->turn(std::chrono::milliseconds(2));
    }
  }
  void lose_quorum() {
    api_.set_quorate(false);
    until_told("quorum_lost");
  }
  void find_quorum() {
    api_.set_quorate(true);
    until_told("quorum_restored");
  }
  json::Object create_volume(const std::string& id, const std::string& name) {
    return job(id, "volume.create", name, {{"storage", "local"}, {"size_mib", std::int64_t{8}}});
  }
  json::Value ask(const char* kind, json::Object question) {
    return Queries(*journal_, *supervisor_, *node_, *disk_, nullptr, cluster_.get())
        .answer(kind, question)
        .value();
  }
  static JobRequest request_of(const json::Object& job) {
    const auto read = read_job(job);
    EXPECT_TRUE(read) << (read ? "" : read.error().message);
    return *read;
  }
  bool needs(const json::Object& job) {
    return needs_quorum(*journal_, *node_, request_of(job)).value();
  }
  /// The journal has such a container, whatever the node has.
  void put_container(const std::string& name, RuntimeKind kind, std::vector<VolumeSpec> volumes) {
    ContainerRecord record{
        {*ContainerName::parse(name), *JobId::parse("made-" + name), kind, {}, {}, {}, {}, {}, {}},
        {},
        {}};
    record.container.spec.volumes = std::move(volumes);
    ContainerRow row;
    row.name = name;
    row.job = record.container.job.str();
    row.runtime = to_string(kind);
    row.container = json::write(to_json(record));
    ASSERT_TRUE(journal_->put_container(row));
    books_->commit();
  }

  fakes::FakeCluster api_;
  proxmox::Ha ha_{api_};
  fakes::FakeProxmox proxmox_{folder_.path() / "pve"};
  runtimes::ProxmoxVolumes proxmox_volumes_{proxmox_, clock_, Vmid{9000}};
  std::unique_ptr<ClusterWatch> cluster_;
  std::unique_ptr<QuorumGate> gate_;
};

TEST_F(QuorumTest, WithoutOneWhatChangesProxmoxWaitsAndAllElseGoesOn) {
  lose_quorum();
  submit(create_volume("v1", "data"));
  EXPECT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(run(job("j2", "container.stop", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(run(job("j3", "container.delete", "web-1")).state, JobState::succeeded);
  const json::Value waits = ask("query.job", {{"id", "v1"}});
  EXPECT_EQ(waits.at("state").string_or(""), "queued");
  EXPECT_EQ(waits.at("waits_for").at("thing").string_or(""), "the cluster's quorum");
  EXPECT_FALSE(ask("query.node", {}).at("cluster").at("quorate").boolean_or(true));
  EXPECT_THAT(proxmox_.requests, testing::IsEmpty());
  find_quorum();
  EXPECT_EQ(await("v1").state, JobState::succeeded);
  EXPECT_EQ(await("v1").attempt, 1);
}

TEST_F(QuorumTest, AnAttemptThatMeetsTheLossFirstIsNone) {
  proxmox_.fail_next("POST /nodes/pve1/storage/local/content",
                     Error{Code::unavailable, "500 cluster not ready - no quorum?", {}});
  api_.set_quorate(false);  // and nobody has seen it yet
  json::Object request = create_volume("v1", "data");
  request.set("attempts", std::int64_t{1});
  submit(request);
  while (!std::ranges::count(told("job", "v1"), "waiting")) {
    loop_->turn(std::chrono::seconds(60));
  }
  EXPECT_THAT(told("node", "pve1"), ElementsAre("quorum_lost"));
  find_quorum();
  const JobRow row = await("v1");
  EXPECT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(row.attempt, 1);
  EXPECT_EQ(proxmox_.storages["local"].volumes.size(), 1U);
}

TEST_F(QuorumTest, AnUnavailableApiIsTriedAgainAsEver) {
  proxmox_.fail_next("POST /nodes/pve1/storage/local/content",
                     Error{Code::unavailable, "500 got lock request timeout", {}});
  json::Object request = create_volume("v1", "data");
  request.set("attempts", std::int64_t{1});
  EXPECT_EQ(run(request).state, JobState::failed);
}

TEST_F(QuorumTest, WhatWaitsIsCancelledAndBoundByItsDeadline) {
  lose_quorum();
  submit(create_volume("v1", "data"));
  EXPECT_EQ(run(job("c1", "job.cancel", "v1")).state, JobState::succeeded);
  EXPECT_EQ(await("v1").state, JobState::cancelled);
  json::Object late = create_volume("v2", "data");
  late.set("deadline", clock_.unix_ms() + 1000);
  submit(late);
  clock_.advance(std::chrono::seconds(1));
  const JobRow row = await("v2");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("timed_out"));
}

TEST_F(QuorumTest, WhatWaitsOutlivesTheAgent) {
  lose_quorum();
  submit(create_volume("v1", "data"));
  restart_agent();
  EXPECT_EQ(supervisor_->waits_for("v1")->thing, "the cluster's quorum");
  find_quorum();
  EXPECT_EQ(await("v1").state, JobState::succeeded);
}

TEST_F(QuorumTest, OfGuestsAllWaitsButWhatEndsFreezesAndLooks) {
  put_container("guest", RuntimeKind::pve_lxc, {});
  for (const char* verb :
       {"container.start", "container.restart", "container.update", "container.delete"}) {
    json::Object request = job("j1", verb, "guest");
    if (std::string_view(verb) == "container.update") {
      request.set("options", json::Object{{"resources", json::Object{{"memory_mib", 64}}}});
    }
    EXPECT_TRUE(needs(request)) << verb;
  }
  for (const char* verb : {"container.stop", "container.pause", "container.resume"}) {
    EXPECT_FALSE(needs(job("j1", verb, "guest"))) << verb;
  }
  EXPECT_FALSE(needs(job("j1", "container.kill", "guest", {{"signal", "KILL"}})));
  EXPECT_FALSE(needs(job("j1", "container.exec", "guest", {{"command", json::Array{"true"}}})));
  json::Object request = run_job("j1", "guest-2");
  EXPECT_FALSE(needs(request));
  *request.find("spec") =
      json::Object{{"runtime", "pve-lxc"}, {"image", "local:vztmpl/busybox.tar.gz"}};
  EXPECT_TRUE(needs(request));
}

TEST_F(QuorumTest, OfOtherContainersOnlyThoseWaitWhoseVolumesProxmoxMakesOrFrees) {
  VolumeSpec volume;
  volume.name = "data";
  volume.target = "/data";
  volume.storage = "local";
  put_container("web-1", RuntimeKind::runc, {volume});
  EXPECT_TRUE(needs(job("j1", "container.delete", "web-1")));
  EXPECT_FALSE(needs(job("j1", "container.start", "web-1")));
  volume.storage = "local-folder";
  put_container("web-2", RuntimeKind::runc, {volume});
  EXPECT_FALSE(needs(job("j1", "container.delete", "web-2")));
  volume.storage.clear();
  volume.from = "standing";
  put_container("web-3", RuntimeKind::runc, {volume});
  EXPECT_FALSE(needs(job("j1", "container.delete", "web-3")));
  EXPECT_FALSE(needs(job("j1", "container.delete", "nobody")));

  json::Object request = with_volume(run_job("j1", "web-4"));
  EXPECT_FALSE(needs(request));
  request.find("spec")->object()->find("volumes")->array()->front().object()->set("storage",
                                                                                  "local");
  EXPECT_TRUE(needs(request));
}

TEST_F(QuorumTest, VolumesThatStandOnProxmoxWaitAndOthersDoNot) {
  EXPECT_TRUE(needs(create_volume("v1", "data")));
  EXPECT_FALSE(needs(job("v1", "volume.create", "data", {{"storage", "local-folder"}})));
  run(create_volume("v1", "data"));
  EXPECT_TRUE(needs(job("v2", "volume.delete", "data")));
  EXPECT_FALSE(needs(job("v2", "volume.delete", "nobody")));
  run(job("v3", "volume.create", "folder", {{"storage", "local-folder"}}));
  EXPECT_FALSE(needs(job("v4", "volume.delete", "folder")));
}

TEST_F(QuorumTest, NetworksWaitWhereProxmoxHasThem) {
  EXPECT_FALSE(needs(job("n1", "network.ensure", "apps")));
  proxmox::Network networks(api_);
  node_->proxmox_network = &networks;
  EXPECT_TRUE(needs(job("n1", "network.ensure", "apps")));
  EXPECT_TRUE(needs(job("n1", "network.remove", "apps")));
  node_->proxmox_network = nullptr;
}

TEST_F(QuorumTest, InMaintenanceNothingNewIsTakenAndWhatRunsStays) {
  run(run_job("j1", "web-1"));
  api_.set_maintenance(true);
  until_told("maintenance_entered");
  const Answer refused = submit(run_job("j2", "web-2"));
  EXPECT_EQ(refused.body.at("code").string_or(""), "conflict");
  EXPECT_THAT(std::string(refused.body.at("message").string_or("")),
              HasSubstr("ha-manager crm-command node-maintenance disable pve1"));
  EXPECT_EQ(submit(job("j3", "container.restart", "web-1")).kind, "error");
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::running);
  EXPECT_EQ(run(create_volume("v1", "data")).state, JobState::succeeded);
  restart_agent();
  EXPECT_EQ(submit(run_job("j4", "web-2")).kind, "error");
  api_.set_maintenance(false);
  until_told("maintenance_left");
  EXPECT_EQ(run(run_job("j5", "web-2")).state, JobState::succeeded);
}

TEST_F(QuorumTest, AnOperatorsDrainAndMaintenanceKnowNothingOfEachOther) {
  api_.set_maintenance(true);
  until_told("maintenance_entered");
  run(job("d1", "node.drain", "pve1"));
  api_.set_maintenance(false);
  until_told("maintenance_left");
  EXPECT_THAT(std::string(submit(run_job("j1", "web-1")).body.at("message").string_or("")),
              HasSubstr("drained"));
  api_.set_maintenance(true);
  until_told("maintenance_entered", 2);
  run(job("d2", "node.undrain", "pve1"));
  EXPECT_THAT(std::string(submit(run_job("j2", "web-1")).body.at("message").string_or("")),
              HasSubstr("in maintenance"));
  EXPECT_THAT(told("node", "pve1"),
              ElementsAre("maintenance_entered", "drained", "maintenance_left",
                          "maintenance_entered", "undrained"));
}

}  // namespace
}  // namespace drover::jobs
