// Storage "local-xfs": files with xfs.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <filesystem>
#include <fstream>

#include "agent/system/child.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "runtimes/volumes/in_use.h"
#include "runtimes/volumes/local_images.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class XfsImagesTest : public testing::Test {
 protected:
  void TearDown() override {
    umount2(target_.c_str(), MNT_DETACH);
    umount2(other_.c_str(), MNT_DETACH);
  }
  Volume allocated(const char* job) {
    return volumes_.allocate(name_, *JobId::parse(job), spec_, stop_).value();
  }
  void mounted(const Volume& volume, const Path& target) {
    const auto done = mount_volume(volume, target, stop_);
    ASSERT_TRUE(done) << to_text(done.error());
    EXPECT_EQ(mounted_at(target).value()->type, "xfs");
  }
  std::uint64_t mib_at(const Path& mount) {
    struct statvfs found {};
    EXPECT_EQ(statvfs(mount.c_str(), &found), 0);
    return found.f_blocks * found.f_frsize >> 20U;
  }

  fakes::TempFolder folder_;
  Layout layout_{folder_ / "state", folder_ / "run"};
  LocalImages volumes_{layout_, kXfsImages};
  system::Stop stop_;
  const ContainerName name_ = *ContainerName::parse("web-1");
  const VolumeSpec spec_{"data", "/data", "local-xfs", 300, false};
  const Path target_ = folder_ / "mount";
  const Path other_ = folder_ / "other";
};

TEST_F(XfsImagesTest, GrowsWhileItIsMountedAndWhenItIsTheNextTime) {
  const Volume volume = allocated("j1");
  EXPECT_EQ(volume.path.filename(), "xfs_web-1.data.j1");
  mounted(volume, target_);
  EXPECT_LE(mib_at(target_), 300U);
  std::ofstream(target_ / "text") << "kept";
  ASSERT_TRUE(volumes_.grow(volume, 400, stop_));
  const auto grown = grow_file_system(volume, folder_ / "lock", stop_);
  ASSERT_TRUE(grown) << to_text(grown.error());
  const std::uint64_t once = mib_at(target_);
  EXPECT_GT(once, 300U);
  ASSERT_TRUE(unmount_volume(target_, stop_));
  ASSERT_TRUE(volumes_.grow(volume, 500, stop_));
  ASSERT_TRUE(grow_file_system(volume, folder_ / "lock", stop_));
  mounted(volume, target_);
  EXPECT_GT(mib_at(target_), once + 50);
  EXPECT_EQ(system::read_file(target_ / "text").value(), "kept");
}

TEST_F(XfsImagesTest, ACopyIsMountedBesideWhatItIsACopyOf) {
  const Volume volume = allocated("j1");
  mounted(volume, target_);
  std::ofstream(target_ / "text") << "kept";
  ASSERT_TRUE(unmount_volume(target_, stop_));
  const Volume copy = allocated("j2");
  ASSERT_TRUE(copy_volume(volume, copy, stop_));
  mounted(volume, target_);
  mounted(copy, other_);
  EXPECT_EQ(system::read_file(other_ / "text").value(), "kept");
}

TEST_F(XfsImagesTest, OneWhoseMakingWasCutOffIsMadeAnew) {
  const Volume volume = allocated("j1");
  ASSERT_TRUE(format_volume(volume, stop_));
  std::fstream(volume.path, std::ios::in | std::ios::out | std::ios::binary).seekp(126).put(1);
  mounted(volume, target_);
}

TEST_F(XfsImagesTest, WhatIsThereIsNotMadeAnew) {
  const Volume volume = allocated("j1");
  mounted(volume, target_);
  std::ofstream(target_ / "text") << "kept";
  ASSERT_TRUE(unmount_volume(target_, stop_));
  ASSERT_TRUE(format_volume(volume, stop_));
  mounted(volume, target_);
  EXPECT_EQ(system::read_file(target_ / "text").value(), "kept");
}

TEST_F(XfsImagesTest, OneThatIsTooSmallIsNotMade) {
  VolumeSpec small = spec_;
  small.size_mib = 299;
  const auto made = volumes_.allocate(name_, *JobId::parse("j1"), small, stop_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::invalid);
  EXPECT_THAT(made.error().message, HasSubstr("300 MiB at least"));
}

TEST_F(XfsImagesTest, OfTheFilesInTheFolderEachStorageHasItsOwn) {
  const Volume volume = allocated("j1");
  LocalImages ext4(layout_);
  EXPECT_TRUE(ext4.inventory(stop_).value().volumes.empty());
  EXPECT_EQ(ext4.release(volume, stop_).error().code, Code::refused);
  const std::vector<FoundVolume> found = volumes_.inventory(stop_).value().volumes;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().storage, "local-xfs");
  EXPECT_EQ(found.front().container, "web-1");
  ASSERT_TRUE(volumes_.release_found(found.front(), stop_));
  EXPECT_FALSE(std::filesystem::exists(volume.path));
}

TEST_F(XfsImagesTest, WithoutItsProgramItIsRefusedByName) {
  EXPECT_TRUE(volumes_.usable());
  const std::string before = getenv("PATH");
  setenv("PATH", folder_.path().c_str(), 1);
  const Result<> usable = volumes_.usable();
  setenv("PATH", before.c_str(), 1);
  ASSERT_FALSE(usable);
  EXPECT_EQ(usable.error().code, Code::refused);
  EXPECT_THAT(usable.error().message, HasSubstr("apt install xfsprogs"));
}

}  // namespace
}  // namespace drover::runtimes
