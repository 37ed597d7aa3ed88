// What a node tells of its storages, and which it lets jobs make volumes on.
#include <gmock/gmock.h>
#include <sys/statvfs.h>

#include <fstream>

#include "agent/jobs/queries/queries.h"
#include "agent/jobs/reconcile/storage_watch.h"
#include "fakes/fake_proxmox.h"
#include "fakes/node_storage_module.h"
#include "node_fixture.h"
#include "runtimes/volumes/btrfs_volumes.h"
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

TEST_F(StoragesTest, OthersOfTheNodesOwnAreToldWhereTheyCanBeHad) {
  ASSERT_EQ(mount("tmpfs", layout_.local_volumes().c_str(), "tmpfs", 0, nullptr), 0);
  runtimes::LocalImages xfs(layout_, runtimes::kXfsImages);
  runtimes::BtrfsVolumes btrfs(layout_);
  node_->other_volumes = {{"local-btrfs", &btrfs}, {"local-xfs", &xfs}};
  EXPECT_THAT(names(), ElementsAre("local-folder", "local-image", "local-xfs"));
  EXPECT_TRUE(storage("local-xfs").at("grows").boolean_or(false));
  EXPECT_THAT(json::write(create("v1", "local-btrfs").body), HasSubstr("does not lie on btrfs"));
  EXPECT_THAT(json::write(create("v2", "local-xfs").body), HasSubstr("needs 300 MiB at least"));
  EXPECT_THAT(json::write(create("v3", "local-zfs").body),
              HasSubstr("only local-folder, local-image, local-xfs\""));
  EXPECT_EQ(umount(layout_.local_volumes().c_str()), 0);
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

TEST_F(StoragesTest, WhereAGuestHasItsDisksProxmoxKnows) {
  join_proxmox();
  api_.storages["of-a-plugin"].type = "somebodys";
  watch_.look(stop_);
  runtimes::Capabilities guests = runtime_.capabilities();
  guests.provisions_itself = true;
  runtime_.set_capabilities(guests);
  json::Object request = run_job("c1", "web-1");
  request.find("spec")->object()->set("volumes",
                                      json::Array{json::Object{{"name", "data"},
                                                               {"target", "/data"},
                                                               {"storage", "of-a-plugin"},
                                                               {"size_mib", std::int64_t{16}}}});
  const Answer taken = submit(request);
  EXPECT_EQ(taken.kind, "job.accepted") << json::write(taken.body);
  await("c1");
}

TEST_F(StoragesTest, OneThatWasNotSeenYetIsFoundOutByTheJob) {
  join_proxmox();
  EXPECT_EQ(create("v1", "archive").kind, "job.accepted");
  const JobRow row = await("v1");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("is of type pbs"));
  EXPECT_FALSE(journal_->volume("v1").value());
}

/// Volumes that are there only once the node's own PVE::Storage has activated them.
class ActivationTest : public StoragesTest {
 protected:
  void SetUp() override {
    StoragesTest::SetUp();
    join_proxmox();
    node_->proxmox_volumes = &volumes_;
    node_->storages = &watch_;
    add("thin", "lvmthin");
    add("ceph", "rbd");
    add("tank", "zfspool");
    watch_.look(stop_);
  }
  void TearDown() override {
    umount_all();
    StoragesTest::TearDown();
  }
  void add(const std::string& name, const std::string& type) {
    fakes::FakeProxmox::Storage& storage = api_.storages[name];
    storage.type = type;
    if (type != "zfspool") {
      storage.devices = module_.devices();
    }
    module_.add_storage(name, type, folder_ / "proxmox" / name);
  }
  JobRow create_mib(const std::string& id, const std::string& storage, std::int64_t mib) {
    return run(job(id, "volume.create", id, {{"storage", storage}, {"size_mib", mib}}));
  }
  JobRow run_with(const std::string& id, const std::string& volume) {
    json::Object request = run_job(id, "web-1");
    request.set("attempts", 1);
    request.find("spec")->object()->set(
        "volumes",
        json::Array{json::Object{{"name", "data"}, {"target", "/data"}, {"from", volume}}});
    return run(request);
  }
  std::filesystem::path data() const {
    return layout_.volume_mount(*ContainerName::parse("web-1"), "data");
  }
  void umount_all() {
    umount2(data().c_str(), MNT_DETACH);
    for (const auto& [volume, file] : api_.storages["tank"].volumes) {
      umount2(file.c_str(), MNT_DETACH);
    }
  }
  /// What a reboot leaves of mounts and devices.
  void lose_devices() {
    umount_all();
    module_.deactivate_all();
  }
  std::uint64_t mib_mounted() {
    struct statvfs found {};
    EXPECT_EQ(statvfs(data().c_str(), &found), 0);
    return found.f_blocks * found.f_frsize >> 20U;
  }
  std::size_t called(const std::string& what) {
    const std::vector<std::string> calls = module_.calls();
    return static_cast<std::size_t>(
        std::count_if(calls.begin(), calls.end(),
                      [&what](const std::string& call) { return call.starts_with(what); }));
  }

  fakes::NodeStorageModule module_;
  runtimes::ProxmoxVolumes volumes_{api_, clock_, Vmid{999'000'000}, module_.program()};
  StorageWatch watch_{api_, clock_, module_.program()};
};

TEST_F(ActivationTest, AVolumeThatIsNotActiveAfterARebootIsMountedAgain) {
  for (const std::string storage : {"thin", "ceph"}) {
    const JobRow made = create_mib(storage, storage, 16);
    ASSERT_EQ(made.state, JobState::succeeded) << made.result;
    const JobRow ran = run_with(storage + "-1", storage);
    ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
    std::ofstream(data() / "text") << "kept";
    run(job(storage + "-2", "container.stop", "web-1"));
    lose_devices();
    EXPECT_TRUE(std::filesystem::is_empty(module_.devices()));
    const JobRow again = run(job(storage + "-3", "container.start", "web-1"));
    ASSERT_EQ(again.state, JobState::succeeded) << again.result;
    EXPECT_EQ(system::read_file(data() / "text").value(), "kept");
    run(job(storage + "-4", "container.delete", "web-1", {{"force", true}}));
    ASSERT_EQ(run(job(storage + "-5", "volume.delete", storage)).state, JobState::succeeded);
    EXPECT_TRUE(std::filesystem::is_empty(module_.devices()));
    EXPECT_TRUE(api_.storages[storage].volumes.empty());
  }
}

TEST_F(ActivationTest, WhatIsActiveIsNotActivatedAgain) {
  create_mib("v1", "thin", 16);
  EXPECT_EQ(called("activate"), 1U);
  run_with("c1", "v1");
  run(job("c2", "container.delete", "web-1", {{"force", true}}));
  EXPECT_EQ(called("activate"), 1U);
}

TEST_F(ActivationTest, ADatasetIsAVolumeOnceItIsMounted) {
  ASSERT_EQ(create_mib("v1", "tank", 16).state, JobState::succeeded);
  const auto& [volume, place] = *api_.storages["tank"].volumes.begin();
  module_.set_quota(volume, 16U << 20U);
  EXPECT_THAT(volume, testing::StartsWith("tank:subvol-999000000-"));
  umount_all();
  const JobRow ran = run_with("c1", "v1");
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  EXPECT_EQ(mib_mounted(), 16U);
  std::ofstream(data() / "text") << "kept";
  EXPECT_TRUE(std::filesystem::exists(place / "text"));
  run(job("c2", "container.stop", "web-1"));
  const JobRow grown = run(job("v2", "volume.resize", "v1", {{"size_mib", std::int64_t{24}}}));
  ASSERT_EQ(grown.state, JobState::succeeded) << grown.result;
  run(job("c3", "container.start", "web-1"));
  EXPECT_EQ(mib_mounted(), 24U);
  EXPECT_EQ(system::read_file(data() / "text").value(), "kept");
}

TEST_F(ActivationTest, ADeviceGrowsWithItsFileSystemAndTheBooksHaveItsTrueSize) {
  const JobRow made = create_mib("v1", "thin", 14);
  ASSERT_EQ(made.state, JobState::succeeded) << made.result;
  EXPECT_EQ(journal_->volume("v1").value()->size_mib, 16U);
  run_with("c1", "v1");
  std::ofstream(data() / "text") << "kept";
  run(job("c2", "container.stop", "web-1"));
  lose_devices();
  const JobRow grown = run(job("v2", "volume.resize", "v1", {{"size_mib", std::int64_t{61}}}));
  ASSERT_EQ(grown.state, JobState::succeeded) << grown.result;
  EXPECT_EQ(journal_->volume("v1").value()->size_mib, 64U);
  EXPECT_THAT(grown.result, HasSubstr(R"("size_mib":64)"));
  run(job("c3", "container.start", "web-1"));
  EXPECT_GT(mib_mounted(), 48U);
  EXPECT_EQ(system::read_file(data() / "text").value(), "kept");
}

TEST_F(ActivationTest, ADeviceIsCopiedThoughNeitherIsActive) {
  create_mib("v1", "ceph", 16);
  run_with("c1", "v1");
  std::ofstream(data() / "text") << "kept";
  run(job("c2", "container.delete", "web-1", {{"force", true}}));
  lose_devices();
  const JobRow copied = run(job("v2", "volume.snapshot", "v1", {{"snapshot", "copy"}}));
  ASSERT_EQ(copied.state, JobState::succeeded) << copied.result;
  run_with("c3", "copy");
  EXPECT_EQ(system::read_file(data() / "text").value(), "kept");
}

TEST_F(ActivationTest, WhatProxmoxCannotActivateNowIsSaidInItsWords) {
  create_mib("v1", "thin", 16);
  lose_devices();
  module_.fail_next("storage 'thin' is not online");
  const JobRow lost = run_with("c1", "v1");
  EXPECT_EQ(lost.state, JobState::failed);
  EXPECT_THAT(lost.result, HasSubstr("storage 'thin' is not online"));
  EXPECT_THAT(lost.result, HasSubstr(R"("code":"unavailable")"));
  EXPECT_EQ(run_with("c2", "v1").state, JobState::succeeded);
}

TEST_F(ActivationTest, ANodeWithoutItsOwnPveStorageSaysWhatIsMissing) {
  create_mib("v1", "thin", 16);
  EXPECT_TRUE(storage("thin").at("grows").boolean_or(false));
  lose_devices();
  unsetenv("PERL5LIB");
  const JobRow lost = run_with("c1", "v1");
  EXPECT_EQ(lost.state, JobState::failed);
  EXPECT_THAT(lost.result, HasSubstr("is not active, there is nothing at /dev/"));
  EXPECT_THAT(lost.result, HasSubstr("this node has no PVE::Storage"));
  StorageWatch without(api_, clock_, module_.program());
  node_->storages = &without;
  without.look(stop_);
  EXPECT_FALSE(storage("thin").at("grows").boolean_or(true));
  const Answer refused = submit(job("v2", "volume.resize", "v1", {{"size_mib", std::int64_t{64}}}));
  EXPECT_EQ(refused.kind, "error");
  EXPECT_THAT(json::write(refused.body), HasSubstr("grows volumes of guests only"));
}

}  // namespace
}  // namespace drover::jobs
