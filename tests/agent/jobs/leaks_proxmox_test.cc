// Leaked volumes on storages of Proxmox, and leaked guests.
#include <gmock/gmock.h>

#include <fstream>

#include "agent/jobs/container_record.h"
#include "agent/jobs/queries/views.h"
#include "guests_fixture.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;

class LeaksProxmoxTest : public GuestsFixture {
 protected:
  /// As the job would have made it.
  std::string add_volume(const std::string& container, const std::string& job,
                         const std::string& storage = "local") {
    const VolumeSpec spec{"data", "/data", storage, 8};
    const auto made = on_proxmox_.allocate(*ContainerName::parse(container), *JobId::parse(job),
                                           spec, system::Stop());
    EXPECT_TRUE(made) << made.error().message;
    return made->id;
  }
  bool has_volume(const std::string& id) {
    return api_.storages.at(id.substr(0, id.find(':'))).volumes.contains(id);
  }
};

TEST_F(LeaksProxmoxTest, AVolumeThatNoContainerHasIsReleasedAfterTheGrace) {
  const std::string id = add_volume("ghost", "j0");
  look();
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked volume " + id));
  EXPECT_EQ(data_of_last().at("place").string_or(""), "local");
  pass_grace();
  look();
  EXPECT_FALSE(has_volume(id));
  EXPECT_EQ(told_of_leaks().back(), "collected volume " + id);
}

TEST_F(LeaksProxmoxTest, AGuestsNumberInterfacesAndVolumesAreInItsRecord) {
  api_.storages["local"];
  json::Object request = run_job("j1", "web-1");
  json::Object spec{
      {"runtime", "pve-lxc"},
      {"image", "local:vztmpl/busybox.tar.gz"},
      {"volumes", json::Array{json::Object{{"name", "data"},
                                           {"target", "/data"},
                                           {"storage", "local"},
                                           {"size_mib", std::int64_t{8}}}}},
      {"networks", json::Array{json::Object{
                       {"interface", "eth0"}, {"bridge", "vmbr0"}, {"address", "192.0.2.9/24"}}}}};
  request.set("spec", std::move(spec));
  const JobRow row = run(request);
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  const json::Value view =
      container_view(*journal_->container("web-1").value(), layout_, false).value();
  EXPECT_EQ(view.at("vmid").integer_or(0), 5000);
  EXPECT_EQ(view.at("networks").array()->front().at("address").string_or(""), "192.0.2.9/24");
  EXPECT_EQ(view.at("volumes").array()->front().at("storage").string_or(""), "local");
}

TEST_F(LeaksProxmoxTest, VolumesOfContainersAndOfJobsAreKnownAlsoOfStoppedOnes) {
  json::Object request = run_job("j1", "web-1");
  request.find("spec")->object()->set("volumes",
                                      json::Array{json::Object{{"name", "data"},
                                                               {"target", "/data"},
                                                               {"storage", "local"},
                                                               {"size_mib", std::int64_t{8}}}});
  ASSERT_EQ(run(request).state, JobState::succeeded);
  run(job("j2", "container.stop", "web-1"));
  // One that is allocated and of which the row knows the wish only.
  ContainerRow row = *journal_->container("web-1").value();
  ContainerRecord record = container_record_from(row.container).value();
  ASSERT_EQ(record.volumes.size(), 1U);
  const std::string id = record.volumes.front().id;
  look();
  record.volumes.clear();
  row.container = json::write(to_json(record));
  ASSERT_TRUE(journal_->put_container(row));
  look();
  pass_grace();
  look();
  EXPECT_THAT(told_of_leaks(), IsEmpty());
  EXPECT_TRUE(has_volume(id));
  run(job("j3", "container.delete", "web-1"));
}

TEST_F(LeaksProxmoxTest, AVolumeThatOutlivesContainersIsKnown) {
  const JobRow made =
      run(job("c1", "volume.create", "db", {{"storage", "local"}, {"size_mib", std::int64_t{16}}}));
  ASSERT_EQ(made.state, JobState::succeeded) << made.result;
  clock_.advance(std::chrono::seconds(1));
  look();
  pass_grace();
  look();
  EXPECT_THAT(told_of_leaks(), IsEmpty());
  EXPECT_EQ(api_.storages.at("local").volumes.size(), 1U);
}

TEST_F(LeaksProxmoxTest, WhatAFailedCreateCouldNotFreeIsCollectedAndItsNameIsFreeAtOnce) {
  const json::Object options{{"storage", "local"}, {"size_mib", std::int64_t{16}}};
  api_.fail_next("POST /nodes/pve1/storage/local/content", {Code::broken, "no more", {}}, true);
  api_.fail_next("DELETE", {Code::broken, "it is busy", {}});
  const JobRow failed = run(job("c1", "volume.create", "db", options));
  EXPECT_EQ(failed.state, JobState::failed);
  EXPECT_THAT(failed.result, HasSubstr("while taking it back"));
  ASSERT_EQ(api_.storages.at("local").volumes.size(), 1U);
  const std::string left = api_.storages.at("local").volumes.begin()->first;
  const JobRow made = run(job("c2", "volume.create", "db", options));
  EXPECT_EQ(made.state, JobState::succeeded) << made.result;
  clock_.advance(std::chrono::seconds(1));
  look();
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked volume " + left));
  pass_grace();
  look();
  EXPECT_FALSE(has_volume(left));
  EXPECT_EQ(api_.storages.at("local").volumes.size(), 1U);
}

TEST_F(LeaksProxmoxTest, VolumesOfOthersAreNotTouched) {
  auto& local = api_.storages.at("local").volumes;
  const std::vector<std::string> theirs = {
      "local:100/vm-100-disk-0.raw", "local:999000000/vm-999000000-disk-0.raw",
      "local:999000000/vm-999000000-web-data-00112233445566XX.raw"};
  for (const std::string& id : theirs) {
    local[id] = folder_ / "pve/x";
  }
  look();
  pass_grace();
  look();
  EXPECT_THAT(told_of_leaks(), IsEmpty());
  EXPECT_EQ(local.size(), theirs.size());
}

TEST_F(LeaksProxmoxTest, AStorageThatNodesShareIsLeftToThemAll) {
  api_.storages["nfs"].shared = true;
  const std::string id = add_volume("ghost", "j0", "nfs");
  look();
  pass_grace();
  look();
  EXPECT_THAT(told_of_leaks(), IsEmpty());
  EXPECT_TRUE(has_volume(id));
}

TEST_F(LeaksProxmoxTest, StoragesAreAskedForOnceALook) {
  add_volume("ghost", "j0");
  api_.requests.clear();
  look();
  EXPECT_EQ(std::count(api_.requests.begin(), api_.requests.end(), "GET /nodes/pve1/storage"), 1);
}

TEST_F(LeaksProxmoxTest, WhatIsOnAStorageThatCameLaterIsTakenAwayByOrderOnly) {
  api_.storages["late"];
  const std::string id = add_volume("ghost", "j0", "late");
  look();
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked volume " + id));
  EXPECT_TRUE(data_of_last().at("collect_at").is_null());
  api_.storages["late"].active = false;
  look();
  EXPECT_EQ(journal_->leaks().value().size(), 1U) << "nobody has looked there";
  api_.storages["late"].active = true;
  look();
  pass_grace();
  look();
  EXPECT_TRUE(has_volume(id));
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked volume " + id));
}

TEST_F(LeaksProxmoxTest, AnApiThatDoesNotAnswerChangesNothing) {
  const std::string id = add_volume("ghost", "j0");
  look();
  pass_grace();
  const Error down{Code::unavailable, "the API is down", {}};
  api_.fail_next("GET /nodes/pve1/storage", down);
  look();
  EXPECT_TRUE(has_volume(id));
  EXPECT_EQ(journal_->leaks().value().size(), 1U);
  api_.fail_next("DELETE", down);
  while (has_volume(id)) {
    look();
    clock_.advance(std::chrono::minutes(1));
  }
  EXPECT_THAT(told_of_leaks(),
              ElementsAre("leaked volume " + id, "kept volume " + id, "collected volume " + id));
}

TEST_F(LeaksProxmoxTest, AGuestOfAJobThatIsRememberedIsRemoved) {
  runtime_.fail_next("create", Error{Code::broken, "it has failed", {}});
  ASSERT_EQ(run(run_job("j1", "web-1")).state, JobState::failed);
  add_guest(900'001, "web-1", "drover;job-j1");
  look();
  EXPECT_THAT(told_of_leaks(), IsEmpty()) << "the job may just have ended";
  clock_.advance(std::chrono::seconds(1));
  look();
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked container 900001"));
  EXPECT_EQ(data_of_last().at("place").string_or(""), "pve-lxc");
  EXPECT_EQ(data_of_last().at("container").string_or(""), "web-1");
  pass_grace();
  look();
  EXPECT_THAT(api_.guests, IsEmpty());
}

TEST_F(LeaksProxmoxTest, AGuestThatThisNodeHasNeverKnownIsRemovedByOrderOnly) {
  add_guest(900'001, "web-1", "drover;job-j7");
  look();
  pass_grace();
  look();
  ASSERT_EQ(api_.guests.size(), 1U);
  EXPECT_THAT(std::string(data_of_last().at("message").string_or("")), HasSubstr("another"));
  run(job("c1", "node.collect", "pve1", {{"leaks", json::Array{"900001"}}}));
  look();
  EXPECT_THAT(api_.guests, IsEmpty());
}

TEST_F(LeaksProxmoxTest, TwoGuestsOfOneNameAreTwoLeaks) {
  add_guest(900'001, "web-1", "drover;job-j7");
  add_guest(900'002, "web-1", "drover;job-j8");
  add_guest(900'003, "web-1", "drover;job-j8");  // cloned with its tags
  look();
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked container 900001", "leaked container 900002",
                                           "leaked container 900003"));
  EXPECT_EQ(journal_->leaks().value().size(), 3U);
  look();
  EXPECT_EQ(told_of_leaks().size(), 3U) << "each is told once";
  run(job("c1", "node.collect", "pve1", {{"leaks", json::Array{"900003"}}}));
  look();
  EXPECT_THAT(api_.guests, ElementsAre(Key(900'001U), Key(900'002U)));
  EXPECT_EQ(journal_->leaks().value().size(), 2U);
  run(job("c2", "node.collect", "pve1", {{"leaks", json::Array{"900001"}}}));
  look();
  EXPECT_THAT(api_.guests, ElementsAre(Key(900'002U)));
}

TEST_F(LeaksProxmoxTest, GuestsWithoutOurTagAreNotTouched) {
  add_guest(100, "db", "");
  add_guest(900'001, "web", "job-j1;production");
  look();
  pass_grace();
  look();
  EXPECT_THAT(told_of_leaks(), IsEmpty());
  EXPECT_EQ(api_.guests.size(), 2U);
}

TEST_F(LeaksProxmoxTest, AGuestThatSomebodyHasRestoredIsTakenAwayByOrderOnly) {
  json::Object request = run_job("j1", "web-1");
  request.set("spec",
              json::Object{{"runtime", "pve-lxc"}, {"image", "local:vztmpl/busybox.tar.gz"}});
  ASSERT_EQ(run(request).state, JobState::succeeded);
  const std::string tags(api_.guests.begin()->second.config.find("tags")->string_or(""));
  ASSERT_EQ(run(job("j2", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  add_guest(4711, "web-1", tags);
  // Nothing keeps the job's name known for a while.
  clock_.advance(std::chrono::hours(1));
  look();
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked container 4711"));
  EXPECT_THAT(data_of_last().at("message").string_or(""), HasSubstr("restored"));
  pass_grace();
  look();
  EXPECT_TRUE(api_.guests.contains(4711));
}

TEST_F(LeaksProxmoxTest, WithoutAQuorumNothingIsTriedAtProxmox) {
  const std::string id = add_volume("ghost", "j0");
  look();
  pass_grace();
  no_quorum_ = true;
  look();
  EXPECT_TRUE(has_volume(id));
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked volume " + id)) << "it was not tried";
  no_quorum_ = false;
  look();
  EXPECT_FALSE(has_volume(id));
}

}  // namespace
}  // namespace drover::jobs
