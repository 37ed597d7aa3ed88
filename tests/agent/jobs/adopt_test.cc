// container.adopt.
#include <gmock/gmock.h>

#include "agent/jobs/container_record.h"
#include "guests_fixture.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A guest that another node's job j0 has made.
class AdoptTest : public GuestsFixture {
 protected:
  void SetUp() override {
    GuestsFixture::SetUp();
    add_guest(7001, "web-1", "drover;job-j0;started");
    clock_.advance(std::chrono::seconds(1));
    look();
  }
  json::Object adopt(const std::string& id, const std::string& name = "web-1") {
    return job(id, "container.adopt", name);
  }
  ContainerRecord record() {
    return container_record_from(journal_->container("web-1").value()->container).value();
  }
};

TEST_F(AdoptTest, AGuestThatCameFromElsewhereIsAContainerLikeAnyOther) {
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked container 7001"));
  json::Object& config = api_.guests[7001].config;
  config.set("memory", std::int64_t{256});
  config.set("swap", std::int64_t{0});
  config.set("net0",
             "name=eth0,bridge=vmbr0,ip=192.0.2.9/24,gw=192.0.2.1,tag=7,hwaddr=02:0:0:0:0:1");
  config.set("mp0", "fast:vm-7001-disk-1,mp=/data,size=8G");
  const JobRow row = run(adopt("j1"));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("7001"));
  EXPECT_THAT(told("container", "web-1"), ElementsAre("adopted", "stopped"));
  EXPECT_THAT(journal_->leaks().value(), IsEmpty());
  EXPECT_EQ(record().container.vmid, Vmid{7001});
  EXPECT_EQ(record().container.spec.resources.memory_mib, 256U);
  ASSERT_EQ(record().interfaces.size(), 1U);
  EXPECT_EQ(record().interfaces.front().host_interface, "veth7001i0");
  EXPECT_EQ(record().container.spec.networks->front().vlan, 7U);
  ASSERT_EQ(record().volumes.size(), 1U);
  EXPECT_EQ(record().volumes.front().id, "fast:vm-7001-disk-1");
  EXPECT_EQ(record().container.spec.volumes.front().size_mib, 8192U);
  look();
  EXPECT_EQ(run(job("j2", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_TRUE(api_.guests[7001].running);
  EXPECT_EQ(run(job("j3", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  EXPECT_FALSE(api_.guests.contains(7001));
  look();
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked container 7001"));
}

TEST_F(AdoptTest, OneThatRunsIsWantedRunning) {
  api_.guests[7001].running = true;
  EXPECT_EQ(run(adopt("j1")).state, JobState::succeeded);
  EXPECT_THAT(told("container", "web-1"), ElementsAre("adopted", "running"));
  EXPECT_EQ(journal_->container("web-1").value()->wanted, Wanted::running);
}

TEST_F(AdoptTest, WhatTheGuestDoesNotTellTheJobMaySay) {
  json::Object request = adopt("j1");
  request.set("spec", json::Object{{"image", "local:vztmpl/busybox.tar.gz"},
                                   {"labels", json::Object{{"role", "web"}}},
                                   {"restart", json::Object{{"policy", "always"}}}});
  const JobRow row = run(request);
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(record().container.spec.labels.at("role"), "web");
  EXPECT_EQ(record().container.spec.restart.when, RestartPolicy::When::always);
}

TEST_F(AdoptTest, ItsInterfacesAndDisksAreThoseThatItHasWhateverTheSpecSays) {
  json::Object& config = api_.guests[7001].config;
  config.set("net0", "name=eth0,bridge=vmbr0,ip=192.0.2.9/24,hwaddr=02:0:0:0:0:1");
  config.set("mp0", "fast:vm-7001-disk-1,mp=/log,size=8G");
  config.set("mp1", "fast:vm-7001-disk-2,mp=/data,size=4G");
  json::Object request = adopt("j1");
  request.set("spec", json::Object{{"image", "local:vztmpl/busybox.tar.gz"},
                                   {"networks", json::Array()},
                                   {"volumes", json::Array{json::Object{{"name", "data"},
                                                                        {"target", "/data"},
                                                                        {"storage", "local"},
                                                                        {"size_mib", 8}}}}});
  const JobRow row = run(request);
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(record().interfaces.size(), 1U);
  EXPECT_EQ(record().container.spec.networks->size(), 1U);
  ASSERT_EQ(record().volumes.size(), 2U);
  EXPECT_EQ(record().volumes[0].name, "mp0");
  EXPECT_EQ(record().volumes[1].name, "data");
  EXPECT_EQ(record().volumes[1].id, "fast:vm-7001-disk-2");
  EXPECT_EQ(record().container.spec.volumes[1].size_mib, 4096U);
}

TEST_F(AdoptTest, OneInterfacesAddressAndGatewayAreOfOneVersion) {
  api_.guests[7001].config.set("net0",
                               "name=eth0,bridge=vmbr0,ip=dhcp,ip6=2001:db8::5/64,gw6=2001:db8::1");
  api_.guests[7001].config.set(
      "net1", "name=eth1,bridge=vmbr0,ip=192.0.2.9/24,ip6=2001:db8::6/64,gw6=2001:db8::1");
  ASSERT_EQ(run(adopt("j1")).state, JobState::succeeded);
  const ContainerRecord known = record();
  ASSERT_EQ(known.interfaces.size(), 2U);
  for (std::size_t at = 0; at < 2; ++at) {
    EXPECT_EQ(known.interfaces.at(at).address, known.container.spec.networks->at(at).address);
    EXPECT_EQ(known.interfaces.at(at).gateway, known.container.spec.networks->at(at).gateway);
  }
  EXPECT_EQ(known.interfaces.at(0).gateway, "2001:db8::1");
  EXPECT_EQ(known.interfaces.at(1).gateway, "");
}

TEST_F(AdoptTest, ItsLimitsCanBeChangedThoughNobodyKnowsItsImage) {
  api_.guests[7001].config.set("mp0", "/srv/of/the/node,mp=/data");
  ASSERT_EQ(run(adopt("j1")).state, JobState::succeeded);
  const JobRow row = run(
      job("j2", "container.update", "web-1", {{"resources", json::Object{{"memory_mib", 128}}}}));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(record().container.spec.resources.memory_mib, 128U);
}

TEST_F(AdoptTest, AGuestOfAContainersJobUnderAnotherNameIsAConflict) {
  ASSERT_EQ(run(adopt("j1")).state, JobState::succeeded);
  // Somebody has restored it once more, by another name.
  add_guest(7002, "web-2", "drover;job-j0");
  const JobRow row = run(adopt("j2", "web-2"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("conflict"));
  EXPECT_THAT(row.result, HasSubstr("whose container is web-1"));
  EXPECT_FALSE(journal_->container("web-2").value());
  ASSERT_EQ(run(job("j3", "container.delete", "web-1")).state, JobState::succeeded);
  EXPECT_FALSE(api_.guests.contains(7001));
  ASSERT_EQ(run(adopt("j4", "web-2")).state, JobState::succeeded);
  ASSERT_EQ(run(job("j5", "container.delete", "web-2")).state, JobState::succeeded);
  EXPECT_FALSE(api_.guests.contains(7002));
}

TEST_F(AdoptTest, WhatNoSpecCanSayIsRefusedAndNoRowIsWrittenThatNobodyCanRead) {
  add_guest(7002, "web-2.example.com", "drover;job-j7;name-web-2");
  const JobRow row = run(adopt("j1", "web-2"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("refused"));
  EXPECT_THAT(row.result, HasSubstr("hostname"));
  EXPECT_FALSE(journal_->container("web-2").value());
  look();
  EXPECT_TRUE(api_.guests.contains(7002));
}

TEST_F(AdoptTest, WhatNoGuestCanBeIsRefusedBeforeItIsAccepted) {
  json::Object request = adopt("j1");
  request.set("spec", json::Object{{"image", "oci:/x:y"}, {"runtime", "runc"}});
  EXPECT_THAT(json::write(submit(request).body), HasSubstr("the spec says runtime runc"));
  request.set("spec", json::Object{{"image", "local:vztmpl/busybox.tar.gz"}, {"cwd", "/srv"}});
  EXPECT_THAT(json::write(submit(request).body), HasSubstr("cwd"));
  EXPECT_FALSE(journal_->job("j1").value());
}

TEST_F(AdoptTest, ANodeWithoutProxmoxHasNoGuests) {
  node_->runtimes.erase(RuntimeKind::pve_lxc);
  EXPECT_THAT(json::write(submit(adopt("j1")).body), HasSubstr("pve-lxc"));
}

TEST_F(AdoptTest, OneThatIsNotThereIsNotFound) {
  const JobRow row = run(adopt("j1", "web-2"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("not_found"));
}

TEST_F(AdoptTest, AGuestWithoutOurTagsIsNobodysToAdopt) {
  add_guest(7002, "mail", "important");
  EXPECT_THAT(run(adopt("j1", "mail")).result, HasSubstr("not_found"));
}

TEST_F(AdoptTest, OfTwoOfOneNameNoneIsTaken) {
  add_guest(7002, "web-1", "drover;job-j7");
  const JobRow row = run(adopt("j1"));
  EXPECT_THAT(row.result, HasSubstr("conflict"));
  EXPECT_THAT(row.result, HasSubstr("7001, 7002"));
  EXPECT_FALSE(journal_->container("web-1").value());
}

TEST_F(AdoptTest, ANameThatAContainerHasIsAConflict) {
  ASSERT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
  const JobRow row = run(adopt("j2"));
  EXPECT_THAT(row.result, HasSubstr("conflict"));
  EXPECT_EQ(journal_->container("web-1").value()->job, "j1");
}

TEST_F(AdoptTest, TheNextAgentEndsWhatThisOneHasBegun) {
  ASSERT_EQ(run(adopt("j1")).state, JobState::succeeded);
  // As if it had ended before the status was told.
  ContainerRow row = *journal_->container("web-1").value();
  row.status = Status::unknown;
  ASSERT_TRUE(journal_->put_container(row));
  const std::string again = json::write(json::Value(adopt("j2")));
  ASSERT_TRUE(journal_->add_job(
      {"j2", "container.adopt", "web-1", again, JobState::queued, "null", clock_.unix_ms(), 0}));
  ASSERT_TRUE(journal_->begin_job("j2", 1));
  books_->commit();
  published_.clear();
  restart_all();
  ASSERT_TRUE(intake_->resume());
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_THAT(told("container", "web-1"), ElementsAre("stopped"));
}

}  // namespace
}  // namespace drover::jobs
