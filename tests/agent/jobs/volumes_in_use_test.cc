// Volumes that grow, and subvolumes that are copied, while a container writes to them.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <fstream>

#include "agent/jobs/container_record.h"
#include "agent/system/child.h"
#include "runtimes/volumes/btrfs_volumes.h"
#include "runtimes/volumes/local_images.h"
#include "runtimes/volumes/mount_table.h"
#include "volumes_fixture.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// With xfs, which root may grow while it is mounted also where it has no CAP_SYS_RESOURCE.
class VolumesInUseTest : public VolumesTest {
 protected:
  void SetUp() override {
    VolumesTest::SetUp();
    node_->other_volumes = {{"local-xfs", &xfs_}};
    ASSERT_EQ(create("j1", "data", {{"storage", "local-xfs"}, {"size_mib", kSize}}).state,
              JobState::succeeded);
    ASSERT_EQ(run(run_with("j2", "web-1", "data")).state, JobState::succeeded);
  }
  void TearDown() override {
    VolumesTest::TearDown();
    umount2(data_of("web-1").c_str(), MNT_DETACH);
    umount2(data_of("web-2").c_str(), MNT_DETACH);
  }
  json::Object run_with_own(const std::string& id, const std::string& name,
                            const std::string& storage, std::int64_t size_mib) {
    json::Object request = run_job(id, name);
    request.find("spec")->object()->set(
        "volumes",
        json::Array{json::Object{
            {"name", "data"}, {"target", "/data"}, {"storage", storage}, {"size_mib", size_mib}}});
    return request;
  }
  json::Object growth(const std::string& id, const std::string& name, std::int64_t size_mib) {
    return job(id, "container.update", name, {{"volumes", json::Object{{"data", size_mib}}}});
  }
  JobRow grow_own(const std::string& id, const std::string& name, std::int64_t size_mib) {
    return run(growth(id, name, size_mib));
  }
  runtimes::Volume own_of(const std::string& name) {
    const ContainerRow row = journal_->container(name).value().value();
    return container_record_from(row.container).value().volumes.at(0);
  }
  JobRow resize(const std::string& id, const std::string& name, std::int64_t size_mib) {
    return run(job(id, "volume.resize", name, {{"size_mib", size_mib}}));
  }

  static constexpr std::int64_t kSize = 300;
  static constexpr std::int64_t kMore = 400;
  runtimes::LocalImages xfs_{{folder_.path() / "state", folder_.path() / "run"},
                             runtimes::kXfsImages};
};

TEST_F(VolumesInUseTest, ItGrowsWhileItsContainerWritesToIt) {
  std::ofstream open_file(data_of("web-1") / "text");
  open_file << "before" << std::flush;
  const std::uint64_t before = mib_of(data_of("web-1"));
  const JobRow row = resize("j3", "data", kMore);
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_GT(mib_of(data_of("web-1")), before + 60);
  EXPECT_EQ(made("data").size_mib, 400U);
  open_file << " and after" << std::flush;
  EXPECT_EQ(read("web-1"), "before and after");
  EXPECT_THAT(told("volume", "data"), ElementsAre("created", "resized"));
  EXPECT_THAT(resize("j4", "data", kSize).result, HasSubstr("volumes only grow"));
  // A copy would not be whole.
  EXPECT_THAT(run(job("j5", "volume.snapshot", "data", {{"snapshot", "copy"}})).result,
              HasSubstr("stop that before"));
}

TEST_F(VolumesInUseTest, GrowthThatWasCutOffGoesOn) {
  const std::uint64_t before = mib_of(data_of("web-1"));
  ASSERT_EQ(resize("j3", "data", kMore).state, JobState::succeeded);
  const std::vector<StepRow> steps = journal_->steps("j3").value();
  for (StepRow step : steps) {
    if (step.name != "volume.hold") {
      step.state = StepState::intent;
      step.data = "null";
      ASSERT_TRUE(journal_->put_step(step));
    }
  }
  VolumeRow row = *journal_->volume("data").value();
  row.busy = "j3";
  ASSERT_TRUE(journal_->put_volume(row));
  ASSERT_TRUE(journal_->set_job("j3", JobState::running, "null", 0));
  ASSERT_TRUE(journal_->begin_job("j3"));
  ASSERT_TRUE(journal_->commit());
  restart_agent();
  EXPECT_EQ(await("j3").state, JobState::succeeded);
  EXPECT_TRUE(runtimes::is_mounted(data_of("web-1")).value());
  EXPECT_GT(mib_of(data_of("web-1")), before + 60);
  EXPECT_EQ(journal_->volume("data").value()->busy, "");
}

TEST_F(VolumesInUseTest, OneThatGoesWithItsContainerGrowsByAnUpdateOfThat) {
  ASSERT_EQ(run(run_with_own("j3", "web-2", "local-xfs", kSize)).state, JobState::succeeded);
  std::ofstream open_file(data_of("web-2") / "text");
  open_file << "before" << std::flush;
  const std::uint64_t before = mib_of(data_of("web-2"));
  const JobRow row = grow_own("j4", "web-2", kMore);
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr(R"("volumes":{"data":400})"));
  EXPECT_GT(mib_of(data_of("web-2")), before + 60);
  open_file << " and after" << std::flush;
  EXPECT_EQ(read("web-2"), "before and after");
  EXPECT_EQ(own_of("web-2").size_mib, 400U);
  EXPECT_THAT(told("container", "web-2"), testing::Contains("updated").Times(1));
  const std::string less = json::write(submit(growth("j5", "web-2", kSize)).body);
  EXPECT_THAT(less, HasSubstr("volume data has 400 MiB, and disks only grow"));
  const std::string standing = json::write(submit(growth("j6", "web-1", kMore)).body);
  EXPECT_THAT(standing, HasSubstr("volume data is volume data, which outlives the container"));
}

TEST_F(VolumesInUseTest, OneOfAContainerThatHasEndedGrowsAtRestAndAFolderNever) {
  ASSERT_EQ(run(run_with_own("j3", "web-2", "local-image", 16)).state, JobState::succeeded);
  const bool grows = runtimes::check_grows_mounted(own_of("web-2")).has_value();
  const JobRow mounted = grow_own("j4", "web-2", 32);
  EXPECT_EQ(mounted.state, grows ? JobState::succeeded : JobState::failed) << mounted.result;
  if (!grows) {
    EXPECT_EQ(std::filesystem::file_size(own_of("web-2").path), 16U << 20U);
  }
  run(job("j5", "container.stop", "web-2"));
  const JobRow row = grow_own("j6", "web-2", 96);
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_FALSE(runtimes::is_mounted(data_of("web-2")).value());
  ASSERT_EQ(run(job("j7", "container.start", "web-2")).state, JobState::succeeded);
  EXPECT_GT(mib_of(data_of("web-2")), 80U);
  run(with_volume(run_job("j8", "web-3")));
  EXPECT_THAT(json::write(submit(growth("j9", "web-3", 64)).body),
              HasSubstr("volume data: a folder has no size"));
}

TEST_F(VolumesInUseTest, WhatDoesNotGrowMountedIsRefusedAndStaysAsItIs) {
  create_image("j3", "image");
  ASSERT_EQ(run(run_with("j4", "web-2", "image")).state, JobState::succeeded);
  const bool grows = runtimes::check_grows_mounted(made("image")).has_value();
  const JobRow row = resize("j5", "image", 64);
  EXPECT_EQ(row.state, grows ? JobState::succeeded : JobState::failed) << row.result;
  EXPECT_EQ(mib_of(data_of("web-2")) > 48, grows);
  EXPECT_EQ(journal_->volume("image").value()->busy, "");
  if (!grows) {
    EXPECT_THAT(row.result, HasSubstr("stop the containers that have it before"));
    EXPECT_EQ(std::filesystem::file_size(made("image").path), 16U << 20U);
  }
  run(job("j6", "container.stop", "web-2"));
  EXPECT_EQ(resize("j7", "image", 96).state, JobState::succeeded);
}

/// On a node whose volumes lie on btrfs.
class SubvolumesTest : public VolumesTest {
 protected:
  void SetUp() override {
    VolumesTest::SetUp();
    node_->other_volumes = {{"local-btrfs", &btrfs_}};
    const std::filesystem::path disk = folder_ / "disk";
    std::ofstream(disk).close();
    std::filesystem::resize_file(disk, std::uintmax_t{512} << 20U);
    std::filesystem::create_directories(layout_.local_volumes());
    const system::Stop stop;
    ASSERT_TRUE(system::run_ok({"mkfs.btrfs", "-q", disk.native()}, stop));
    ASSERT_TRUE(system::run_ok(
        {"mount", "-o", "loop", disk.native(), layout_.local_volumes().native()}, stop));
  }
  void TearDown() override {
    VolumesTest::TearDown();
    umount2(data_of("web-1").c_str(), MNT_DETACH);
    umount2(data_of("web-2").c_str(), MNT_DETACH);
    EXPECT_EQ(umount(layout_.local_volumes().c_str()), 0);
  }
  JobRow create_subvolume(const std::string& id, const std::string& name) {
    return create(id, name, {{"storage", "local-btrfs"}, {"size_mib", std::int64_t{16}}});
  }

  runtimes::BtrfsVolumes btrfs_{layout_of_test()};

 private:
  runtimes::Layout layout_of_test() { return {folder_.path() / "state", folder_.path() / "run"}; }
};

TEST_F(SubvolumesTest, OneIsCopiedAndGrowsWhileItsContainerWritesToIt) {
  ASSERT_EQ(create_subvolume("j1", "data").state, JobState::succeeded);
  ASSERT_EQ(run(run_with("j2", "web-1", "data")).state, JobState::succeeded);
  std::ofstream open_file(data_of("web-1") / "text");
  open_file << "before" << std::flush;
  const JobRow copied = run(job("j3", "volume.snapshot", "data", {{"snapshot", "copy"}}));
  ASSERT_EQ(copied.state, JobState::succeeded) << copied.result;
  open_file << " and after" << std::flush;
  EXPECT_EQ(run(job("j4", "volume.resize", "data", {{"size_mib", std::int64_t{64}}})).state,
            JobState::succeeded);
  EXPECT_EQ(read("web-1"), "before and after");
  ASSERT_EQ(run(run_with("j5", "web-2", "copy")).state, JobState::succeeded);
  EXPECT_EQ(read("web-2"), "before");
  EXPECT_EQ(journal_->volume("copy").value()->size_mib, 16U);
  open_file.close();
  for (const char* name : {"web-1", "web-2"}) {
    run(job(std::string("rm-") + name, "container.delete", name, {{"force", true}}));
  }
  for (const char* name : {"data", "copy"}) {
    EXPECT_EQ(run(job(std::string("rm-") + name, "volume.delete", name)).state,
              JobState::succeeded);
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(SubvolumesTest, ACopyThatWasCutOffIsMadeAnewAndACancelledOneTakenBack) {
  create_subvolume("j1", "data");
  expect_copies_taken_up(btrfs_, [this] { return files(); });
}

}  // namespace
}  // namespace drover::jobs
