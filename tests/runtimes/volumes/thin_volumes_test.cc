// Storage "local-thin": volumes of a thin pool, of LVM's own where the kernel has device-mapper
// (tests/integration/lvm_thin_vm).
#include "runtimes/volumes/thin_volumes.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <filesystem>
#include <fstream>

#include "fakes/fake_clock.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "fakes/thin_group.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class ThinVolumesTest : public testing::Test {
 protected:
  void TearDown() override {
    umount2(target_.c_str(), 0);
    umount2(other_.c_str(), 0);
  }
  Volume allocated(const char* job = "job.1") {
    const auto made = volumes_.allocate(name_, *JobId::parse(job), spec_, stop_);
    EXPECT_TRUE(made) << to_text(made.error());
    return made.value_or(Volume{});
  }
  void mount_it(const Volume& volume, const Path& target) {
    const auto mounted = mount_volume(volume, target, stop_);
    ASSERT_TRUE(mounted) << to_text(mounted.error());
  }
  static std::uint64_t mib_at(const Path& mount) {
    struct statvfs found {};
    EXPECT_EQ(statvfs(mount.c_str(), &found), 0);
    return found.f_blocks * found.f_frsize >> 20U;
  }
  static std::string text_at(const Path& mount) {
    return system::read_file(mount / "text").value_or("");
  }
  std::uint64_t free_now() {
    EXPECT_TRUE(volumes_.inventory(stop_));
    return volumes_.space().value().free;
  }

  fakes::ThinGroup group_;
  fakes::TempFolder folder_;
  const Path target_ = folder_ / "mount";
  const Path other_ = folder_ / "other";
  fakes::FakeClock clock_;
  ThinVolumes volumes_{group_.name(), fakes::ThinGroup::pool(), clock_};
  system::Stop stop_;
  const ContainerName name_ = *ContainerName::parse("web-1");
  const JobId job_ = *JobId::parse("job.1");
  // No whole number of extents, which have 4 MiB.
  const VolumeSpec spec_{"data", "/data", "local-thin", 30, false};
};

TEST_F(ThinVolumesTest, AVolumeIsMadeOnceAndThereAfterAReboot) {
  EXPECT_EQ(volumes_.find(name_, job_, spec_, stop_).error().code, Code::not_found);
  const Volume volume = allocated();
  EXPECT_EQ(volume.id, group_.name() + "/web-1.data.job.1");
  EXPECT_EQ(volume.size_mib, 32U);
  EXPECT_EQ(allocated().path, volume.path);
  EXPECT_EQ(volumes_.find(name_, job_, spec_, stop_)->path, volume.path);
  mount_it(volume, target_);
  EXPECT_LE(mib_at(target_), 32U);
  std::ofstream(target_ / "text") << "kept";
  ASSERT_TRUE(unmount_volume(target_, stop_));

  group_.deactivate_all();
  EXPECT_FALSE(std::filesystem::exists(volume.path));
  const auto active = volumes_.activate(volume, stop_);
  ASSERT_TRUE(active) << to_text(active.error());
  mount_it(*active, target_);
  EXPECT_EQ(text_at(target_), "kept");
  ASSERT_TRUE(unmount_volume(target_, stop_));

  ASSERT_TRUE(volumes_.release(volume, stop_));
  EXPECT_TRUE(volumes_.release(volume, stop_));
  EXPECT_FALSE(group_.has(volume.path.filename()));
  EXPECT_EQ(volumes_.activate(volume, stop_).error().code, Code::not_found);
}

TEST_F(ThinVolumesTest, ItGrowsAtRestAndMounted) {
  const Volume volume = allocated();
  mount_it(volume, target_);
  ASSERT_TRUE(unmount_volume(target_, stop_));
  EXPECT_EQ(volumes_.grow(volume, 61, stop_).value(), 64U);
  EXPECT_EQ(volumes_.grow(volume, 61, stop_).value(), 64U);
  const auto grown = grow_file_system(volume, folder_ / "lock", stop_);
  ASSERT_TRUE(grown) << to_text(grown.error());
  mount_it(volume, target_);
  EXPECT_GT(mib_at(target_), 48U);
  EXPECT_EQ(volumes_.grow(volume, 96, stop_).value(), 96U);
  // Root here may lack CAP_SYS_RESOURCE; in the emulated machine it has it.
  const bool grows = check_grows_mounted(volume).has_value();
  EXPECT_EQ(grow_file_system(volume, folder_ / "lock", stop_).has_value(), grows);
  EXPECT_EQ(mib_at(target_) > 80U, grows);
  EXPECT_TRUE(grows || !fakes::ThinGroup::is_real());
}

TEST_F(ThinVolumesTest, ACopyIsThatOfOneInstantAndBothAreMounted) {
  const Volume from = allocated();
  const Volume to = allocated("job.2");
  mount_it(from, target_);
  std::ofstream open_file(target_ / "text");
  open_file << "before" << std::flush;
  const auto copied = copy_volume(from, to, stop_);
  ASSERT_TRUE(copied) << to_text(copied.error());
  open_file << " and after" << std::flush;
  mount_it(to, other_);
  EXPECT_EQ(text_at(other_), "before");
  EXPECT_EQ(text_at(target_), "before and after");
  open_file.close();
  ASSERT_TRUE(unmount_volume(other_, stop_));
  EXPECT_EQ(volumes_.find(name_, *JobId::parse("job.2"), spec_, stop_)->size_mib, 32U);
  // One that was cut off when the place was empty is done again.
  ASSERT_TRUE(volumes_.release(to, stop_));
  ASSERT_TRUE(copy_volume(from, to, stop_));
  ASSERT_TRUE(unmount_volume(target_, stop_));
  ASSERT_TRUE(volumes_.release(from, stop_));
  mount_it(volumes_.activate(to, stop_).value(), other_);
  EXPECT_EQ(text_at(other_), "before and after");
}

TEST_F(ThinVolumesTest, ReleasesItsOwnOnlyAndNothingThatIsInUse) {
  const Volume volume = allocated();
  mount_it(volume, target_);
  EXPECT_EQ(volumes_.release(volume, stop_).error().code, Code::unavailable);
  // Somebody else's: one of any name, and one of a name that ours would have.
  group_.add("somebodys");
  group_.add(thin_name("web-1.data.job.7"));
  for (const std::string& id : {group_.name() + "/somebodys", group_.name(), std::string(),
                                std::string("/web-1.data.job.7"), group_.name() + "/web-1.data"}) {
    const Volume other{"x", "local-thin", id, "/dev/null", VolumeKind::thin};
    EXPECT_EQ(volumes_.release(other, stop_).error().code, Code::refused) << id;
  }
  EXPECT_TRUE(volumes_.release_found(
      {"local-thin", group_.name() + "/web-1.data.job.7", "web-1", "job.7"}, stop_));
  EXPECT_TRUE(group_.has("somebodys"));
  EXPECT_TRUE(group_.has(thin_name("web-1.data.job.7")));
  EXPECT_EQ(volumes_
                .release({"x", "local-thin", "no-such-group/web-1.data.job.1", "/dev/null",
                          VolumeKind::thin},
                         stop_)
                .error()
                .code,
            Code::unavailable);

  const FoundVolumes found = volumes_.inventory(stop_).value();
  ASSERT_EQ(found.volumes.size(), 1U);
  EXPECT_EQ(found.storages, std::set<std::string>{"local-thin"});
  EXPECT_EQ(found.volumes.front().id, volume.id);
  EXPECT_EQ(found.volumes.front().container, "web-1");
  EXPECT_EQ(found.volumes.front().job, "job.1");
  ASSERT_TRUE(unmount_volume(target_, stop_));
  ASSERT_TRUE(volumes_.release_found(found.volumes.front(), stop_));
  EXPECT_TRUE(volumes_.inventory(stop_).value().volumes.empty());
}

TEST_F(ThinVolumesTest, AFullPoolIsToldByNameAndTakesNothingMore) {
  const Volume volume = allocated();
  EXPECT_TRUE(volumes_.has_room());
  EXPECT_EQ(volumes_.space()->total, 256U << 20U);
  group_.fill();
  const auto refused = volumes_.allocate(name_, *JobId::parse("job.2"), spec_, stop_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_THAT(refused.error().message,
              HasSubstr("thin pool " + group_.name() + "/data is full: 100 %"));
  EXPECT_EQ(volumes_.has_room().error().code, Code::unavailable);
  EXPECT_EQ(volumes_.grow(volume, 64, stop_).error().code, Code::unavailable);
  EXPECT_TRUE(volumes_.usable());
  EXPECT_EQ(volumes_.space()->free, 0U);
  group_.make_room();
  EXPECT_TRUE(volumes_.grow(volume, 64, stop_));
  EXPECT_GT(free_now(), 200U << 20U);
  EXPECT_TRUE(volumes_.has_room());
}

TEST_F(ThinVolumesTest, WhatIsDeletedInAVolumeGoesBackToThePool) {
  if (!fakes::ThinGroup::is_real()) {
    GTEST_SKIP() << "this kernel has no device-mapper, whose pool it is";
  }
  mount_it(allocated(), target_);
  const std::uint64_t before = free_now();
  std::ofstream(target_ / "much") << std::string(std::size_t{16} << 20U, 'x');
  ASSERT_TRUE(system::run_ok({"sync", "-f", target_.native()}, stop_));
  EXPECT_LT(free_now(), before - (8U << 20U));
  std::filesystem::remove(target_ / "much");
  // The blocks are given back behind the commit that deletes the file.
  for (int syncs = 0; syncs < 100 && free_now() + (4U << 20U) < before; ++syncs) {
    ASSERT_TRUE(system::run_ok({"sync", "-f", target_.native()}, stop_));
  }
  EXPECT_GE(free_now() + (4U << 20U), before);
}

TEST_F(ThinVolumesTest, WhatIsMissingIsToldByName) {
  EXPECT_TRUE(volumes_.usable());
  ThinVolumes none("", "", clock_);
  EXPECT_EQ(none.usable().error().code, Code::refused);
  EXPECT_THAT(none.usable().error().message, HasSubstr("storage.thin_pool"));
  EXPECT_TRUE(none.inventory(stop_).value().storages.empty());

  ThinVolumes no_pool(group_.name(), "other", clock_);
  EXPECT_TRUE(no_pool.usable()) << "nobody has looked";
  EXPECT_FALSE(no_pool.inventory(stop_));
  EXPECT_EQ(no_pool.usable().error().code, Code::refused);
  EXPECT_THAT(no_pool.usable().error().message,
              HasSubstr("lvcreate --type thin-pool --extents 90%FREE --name other"));

  ThinVolumes no_group("no-such-group", "data", clock_);
  EXPECT_EQ(no_group.inventory(stop_).error().code, Code::unavailable);
  EXPECT_EQ(no_group.usable().error().code, Code::unavailable);
  EXPECT_THAT(no_group.usable().error().message, HasSubstr("no-such-group"));

  const std::string before = getenv("PATH");
  setenv("PATH", folder_.path().c_str(), 1);
  const Result<> usable = volumes_.usable();
  const auto listed = volumes_.inventory(stop_);
  setenv("PATH", before.c_str(), 1);
  EXPECT_THAT(usable.error().message, HasSubstr("apt install lvm2"));
  EXPECT_TRUE(listed.value().storages.empty());
}

}  // namespace
}  // namespace drover::runtimes
