#include "runtimes/volumes/in_use.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "loop_device.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

class InUseTest : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(file_).close();
    std::filesystem::resize_file(file_, 8 << 20);
  }

  system::Stop never_;
  fakes::TempFolder folder_;
  const Path file_ = folder_ / "image file";
};

TEST_F(InUseTest, AnImageWithALoopDeviceIs) {
  const Volume image{"data", "local", "local:x", file_, VolumeKind::image};
  EXPECT_FALSE(is_in_use(image).value());
  std::optional<LoopDevice> device(std::in_place, file_);
  EXPECT_TRUE(is_in_use(image).value());
  std::filesystem::create_symlink(file_, folder_ / "link");
  EXPECT_TRUE(is_in_use({"data", "local", "local:x", folder_ / "link", VolumeKind::image}).value());
  device.reset();
  EXPECT_FALSE(is_in_use(image).value());
}

TEST_F(InUseTest, AMountedBlockDeviceIs) {
  const LoopDevice device(file_);
  const Volume block{"data", "lvm", "lvm:x", device.path(), VolumeKind::block};
  EXPECT_FALSE(is_in_use(block).value());
  ASSERT_TRUE(mount_volume(block, folder_ / "mnt", system::Stop()));
  EXPECT_TRUE(is_in_use(block).value());
  ASSERT_TRUE(unmount_volume(folder_ / "mnt", system::Stop()));
  EXPECT_FALSE(is_in_use(block).value());
}

TEST_F(InUseTest, TheFirstOfSeveralPlacesIsToldOfWhatIsMounted) {
  const Volume image{"data", "local", "local:x", file_, VolumeKind::image};
  EXPECT_FALSE(mount_of(image).value());
  for (const char* place : {"first", "second"}) {
    ASSERT_TRUE(mount_volume(image, folder_ / place, never_));
  }
  const std::optional<MountPoint> point = mount_of(image).value();
  ASSERT_TRUE(point);
  EXPECT_EQ(point->target, folder_ / "first");
  EXPECT_EQ(point->type, "ext4");
  EXPECT_EQ(loop_devices_of(image).value(), std::vector<Path>{point->source});
  const Volume block{"data", "lvm", "lvm:x", point->source, VolumeKind::block};
  EXPECT_EQ(mount_of(block).value()->target, folder_ / "first");
  for (const char* place : {"first", "second"}) {
    ASSERT_TRUE(unmount_volume(folder_ / place, never_));
  }
  EXPECT_FALSE(mount_of(image).value());
}

TEST_F(InUseTest, WhatIsNotThereIsNot) {
  EXPECT_FALSE(is_in_use({"a", "s", "i", folder_ / "no", VolumeKind::image}).value());
  EXPECT_FALSE(is_in_use({"a", "s", "i", folder_ / "no", VolumeKind::block}).value());
  EXPECT_FALSE(is_in_use({"a", "s", "i", folder_.path(), VolumeKind::folder}).value());
}

TEST_F(InUseTest, AVolumeIsToldFromAnotherByWhatIsMounted) {
  const Path target = folder_ / "target";
  const Path one = folder_ / "one";
  const Path other = folder_ / "other";
  for (const Path& path : {target, one, other}) {
    std::filesystem::create_directories(path);
  }
  const Volume first{"data", "local-folder", one, one, VolumeKind::folder};
  const Volume second{"data", "local-folder", other, other, VolumeKind::folder};
  EXPECT_FALSE(is_mounted_at(first, target).value());
  ASSERT_TRUE(mount_volume(first, target, never_));
  EXPECT_TRUE(is_mounted_at(first, target).value());
  EXPECT_FALSE(is_mounted_at(second, target).value());
  ASSERT_TRUE(unmount_volume(target, never_));

  const Volume image{"data", "local-image", file_, file_, VolumeKind::image};
  std::filesystem::copy_file(file_, folder_ / "copy");
  const Volume copy{"data", "local-image", "copy", folder_ / "copy", VolumeKind::image};
  ASSERT_TRUE(mount_volume(image, target, never_));
  EXPECT_TRUE(is_mounted_at(image, target).value());
  EXPECT_FALSE(is_mounted_at(copy, target).value());
  EXPECT_FALSE(is_mounted_at({"x", "x", "x", "/dev/null", VolumeKind::block}, target).value());
  EXPECT_FALSE(is_mounted_at(first, target).value());
  const std::optional<MountPoint> point = mounted_at(target).value();
  EXPECT_TRUE(
      is_mounted_at({"x", "x", "x", point.value().source, VolumeKind::block}, target).value());
  ASSERT_TRUE(unmount_volume(target, never_));
}

}  // namespace
}  // namespace drover::runtimes
