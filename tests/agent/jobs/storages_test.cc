// What a node tells of its storages, and which it lets jobs make volumes on.
#include <gmock/gmock.h>

#include "agent/jobs/queries/queries.h"
#include "agent/jobs/reconcile/storage_watch.h"
#include "fakes/fake_proxmox.h"
#include "node_fixture.h"
#include "runtimes/volumes/proxmox_volumes.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StoragesTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    std::filesystem::create_directories(layout_.local_volumes());
    api_.storages["archive"].type = "pbs";
    api_.storages["shared"] = {.type = "nfs", .active = false, .shared = true, .volumes = {}};
  }
  void join_proxmox() {
    node_->proxmox_volumes = &proxmox_volumes_;
    node_->storages = &watch_;
    config_.storage.guest_storage = "local";
  }
  json::Value answer() {
    return Queries(*journal_, *supervisor_, *node_, *disk_)
        .answer("query.storages", json::Object{})
        .value();
  }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    const json::Value all = answer();
    for (const json::Value& storage : *all.at("storages").array()) {
      found.emplace_back(storage.at("name").string_or(""));
    }
    return found;
  }
  json::Value storage(const std::string& name) {
    const json::Value all = answer();
    for (const json::Value& storage : *all.at("storages").array()) {
      if (storage.at("name").string_or("") == name) {
        return storage;
      }
    }
    ADD_FAILURE() << "no storage " << name << " in " << json::write(all);
    return {};
  }
  Answer create(const std::string& id, const std::string& storage) {
    return submit(
        job(id, "volume.create", id, {{"storage", storage}, {"size_mib", std::int64_t{16}}}));
  }

  fakes::FakeProxmox api_{folder_ / "proxmox"};
  runtimes::ProxmoxVolumes proxmox_volumes_{api_, clock_, Vmid{999'000'000}};
  StorageWatch watch_{api_, clock_};
  system::Stop stop_;
};

TEST_F(StoragesTest, ANodeWithoutProxmoxHasItsOwnTwo) {
  EXPECT_THAT(names(), ElementsAre("local-folder", "local-image"));
  const json::Value image = storage("local-image");
  EXPECT_EQ(image.at("kind").string_or(""), "file");
  EXPECT_TRUE(image.at("sized").boolean_or(false));
  EXPECT_TRUE(image.at("grows").boolean_or(false));
  EXPECT_GT(image.at("total").integer_or(0), image.at("free").integer_or(-1));
  EXPECT_GE(image.at("free").integer_or(-1), 0);
  const json::Value folder = storage("local-folder");
  EXPECT_FALSE(folder.at("sized").boolean_or(true));
  EXPECT_FALSE(folder.at("grows").boolean_or(true));
}

TEST_F(StoragesTest, ThoseOfProxmoxAreToldAsTheyWereSeen) {
  join_proxmox();
  clock_.advance(std::chrono::hours(1));
  watch_.look(stop_);
  EXPECT_THAT(names(), ElementsAre("archive", "local", "local-folder", "local-image", "local-lvm",
                                   "shared"));
  const json::Value thin = storage("local-lvm");
  EXPECT_EQ(thin.at("type").string_or(""), "lvmthin");
  EXPECT_EQ(thin.at("kind").string_or(""), "block");
  EXPECT_EQ(thin.at("total").integer_or(0), std::int64_t{1} << 40);
  EXPECT_EQ(thin.at("seen_at").integer_or(0), clock_.unix_ms());
  EXPECT_TRUE(thin.at("snapshots").boolean_or(false));
  EXPECT_TRUE(thin.at("message").is_null());
  EXPECT_FALSE(storage("local").at("snapshots").boolean_or(true));
  EXPECT_TRUE(storage("local").at("grows").boolean_or(false));
  const json::Value archive = storage("archive");
  EXPECT_TRUE(archive.at("kind").is_null());
  EXPECT_FALSE(archive.at("sized").boolean_or(true));
  EXPECT_THAT(std::string(archive.at("message").string_or("")), HasSubstr("of type pbs"));
  const json::Value away = storage("shared");
  EXPECT_TRUE(away.at("shared").boolean_or(false));
  EXPECT_FALSE(away.at("active").boolean_or(true));
  EXPECT_TRUE(away.at("free").is_null());
}

TEST_F(StoragesTest, WhatCannotBeAskedStaysAsItWasSeenAndSaysSo) {
  join_proxmox();
  config_.storage.default_storage = "ceph";
  EXPECT_THAT(std::string(storage("ceph").at("message").string_or("")), HasSubstr("not asked yet"));
  const Error away{Code::unavailable, "the API does not answer", {}};
  api_.fail_next("GET /nodes/pve1/storage", away);
  watch_.look(stop_);
  EXPECT_EQ(storage("ceph").at("message").string_or(""), "the API does not answer");
  watch_.look(stop_);
  EXPECT_THAT(std::string(storage("ceph").at("message").string_or("")),
              HasSubstr("no such storage"));
  api_.fail_next("GET /nodes/pve1/storage", away);
  watch_.look(stop_);
  EXPECT_EQ(storage("local-lvm").at("message").string_or(""), "the API does not answer");
  EXPECT_EQ(storage("local-lvm").at("type").string_or(""), "lvmthin");
}

TEST_F(StoragesTest, AVolumeOnAStorageForOtherThingsIsRefusedAtOnce) {
  join_proxmox();
  watch_.look(stop_);
  const Answer volume = create("v1", "archive");
  EXPECT_EQ(volume.kind, "error") << json::write(volume.body);
  EXPECT_THAT(json::write(volume.body), HasSubstr("is of type pbs"));
  EXPECT_THAT(json::write(volume.body), HasSubstr("lvmthin, nfs, rbd, zfspool do"));
  json::Object request = run_job("c1", "web-1");
  request.find("spec")->object()->set("volumes",
                                      json::Array{json::Object{{"name", "data"},
                                                               {"target", "/data"},
                                                               {"storage", "archive"},
                                                               {"size_mib", std::int64_t{16}}}});
  EXPECT_THAT(json::write(submit(request).body), HasSubstr("container web-1, volume data"));
  config_.storage.default_storage = "archive";
  EXPECT_EQ(create("v2", "").kind, "error");
  EXPECT_EQ(create("v3", "local").kind, "job.accepted");
}

TEST_F(StoragesTest, OneThatWasNotSeenYetIsFoundOutByTheJob) {
  join_proxmox();
  EXPECT_EQ(create("v1", "archive").kind, "job.accepted");
  const JobRow row = await("v1");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("is of type pbs"));
  EXPECT_FALSE(journal_->volume("v1").value());
}

TEST_F(StoragesTest, ADatasetIsAVolumeOnceItIsMounted) {
  join_proxmox();
  api_.storages["tank"].type = "zfspool";
  ASSERT_EQ(create("v1", "tank").kind, "job.accepted");
  const JobRow row = await("v1");
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("tank:subvol-999000000-"));
  json::Object request = run_job("c1", "web-1");
  request.find("spec")->object()->set(
      "volumes", json::Array{json::Object{{"name", "data"}, {"target", "/data"}, {"from", "v1"}}});
  request.set("attempts", 1);
  const JobRow lost = run(request);
  EXPECT_EQ(lost.state, JobState::failed);
  EXPECT_THAT(lost.result, HasSubstr("is not mounted at"));
  const std::filesystem::path place = api_.storages["tank"].volumes.begin()->second;
  ASSERT_EQ(mount("tmpfs", place.c_str(), "tmpfs", 0, nullptr), 0);
  request.set("id", "c2");
  const JobRow made = run(request);
  EXPECT_EQ(made.state, JobState::succeeded) << made.result;
  run(job("c3", "container.delete", "web-1", {{"force", true}}));
  ASSERT_EQ(umount(place.c_str()), 0);
}

}  // namespace
}  // namespace drover::jobs
