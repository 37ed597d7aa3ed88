// Volumes that grow while somebody has them mounted, and writes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "loop_device.h"
#include "runtimes/volumes/file_system.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

constexpr const char* kOnlyInTheMachine =
    "root here has no CAP_SYS_RESOURCE; tests/integration/lvm_thin_vm boots a machine where it has";

/// CapEff of /proc/self/status (proc(5)).
bool may_resize_ext4() {
  const std::string status = system::read_file("/proc/self/status").value();
  const std::size_t at = status.find("CapEff:\t");
  const unsigned long long held = std::stoull(status.substr(at + 8, 16), nullptr, 16);
  constexpr int kSysResource = 24;
  return (held >> kSysResource & 1U) != 0;
}

class GrowFileSystemTest : public testing::Test {
 protected:
  void SetUp() override { resize(16); }
  void TearDown() override { umount2(target_.c_str(), MNT_DETACH); }

  void resize(std::uint64_t mib) {
    std::ofstream(file_, std::ios::app).close();
    std::filesystem::resize_file(file_, mib << 20U);
  }
  std::uint64_t mib_at(const Path& mount) {
    struct statvfs found {};
    EXPECT_EQ(statvfs(mount.c_str(), &found), 0);
    return found.f_blocks * found.f_frsize >> 20U;
  }
  void mounted(const Volume& volume, const Path& target) {
    const auto done = mount_volume(volume, target, stop_);
    ASSERT_TRUE(done) << to_text(done.error());
  }
  Result<> grow(const Volume& volume) { return grow_file_system(volume, folder_ / "lock", stop_); }

  fakes::TempFolder folder_;
  const Path file_ = folder_ / "image";
  const Path target_ = folder_ / "mount";
  const Volume image_{"data", "local-image", file_, file_, VolumeKind::image};
  system::Stop stop_;
};

TEST_F(GrowFileSystemTest, AMountedImageGrowsUnderAnOpenFile) {
  if (!may_resize_ext4()) {
    GTEST_SKIP() << kOnlyInTheMachine;
  }
  mounted(image_, target_);
  const system::UniqueFd open_file(
      open((target_ / "text").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(write(open_file.get(), "before", 6), 6);
  resize(64);
  for (int times = 0; times < 2; ++times) {
    const auto grown = grow(image_);
    ASSERT_TRUE(grown) << to_text(grown.error());
    EXPECT_GT(mib_at(target_), 48U);
  }
  // What is written is more than was there before.
  const std::string much(std::size_t{32} << 20U, 'x');
  EXPECT_EQ(write(open_file.get(), much.data(), much.size()), static_cast<ssize_t>(much.size()));
  EXPECT_EQ(fsync(open_file.get()), 0);
  std::array<char, 6> first{};
  EXPECT_EQ(pread(open_file.get(), first.data(), first.size(), 0), 6);
  EXPECT_EQ(std::string_view(first.data(), first.size()), "before");
}

TEST_F(GrowFileSystemTest, AllThatShareAMountedImageSeeItGrow) {
  if (!may_resize_ext4()) {
    GTEST_SKIP() << kOnlyInTheMachine;
  }
  mounted(image_, target_);
  const Path second = folder_ / "second";
  mounted(image_, second);
  resize(64);
  ASSERT_TRUE(grow(image_));
  EXPECT_GT(mib_at(target_), 48U);
  EXPECT_GT(mib_at(second), 48U);
  EXPECT_TRUE(unmount_volume(second, stop_));
}

TEST_F(GrowFileSystemTest, AMountedDeviceGrows) {
  if (!may_resize_ext4()) {
    GTEST_SKIP() << kOnlyInTheMachine;
  }
  const LoopDevice device(file_);
  const Volume block{"data", "lvm", "lvm:x", device.path(), VolumeKind::block};
  mounted(block, target_);
  resize(64);
  ASSERT_TRUE(system::run_ok({"losetup", "--set-capacity", device.path().native()}, stop_));
  const auto grown = grow(block);
  ASSERT_TRUE(grown) << to_text(grown.error());
  EXPECT_GT(mib_at(target_), 48U);
  EXPECT_TRUE(unmount_volume(target_, stop_));
}

TEST_F(GrowFileSystemTest, WhatSomebodyElseHasIsNotTouched) {
  // As a container that outlived the mount on the node: a check of it would mend what it writes.
  ASSERT_TRUE(format_volume(image_, stop_));
  const auto device = std::make_unique<LoopDevice>(file_);
  resize(64);
  const auto grown = grow(image_);
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error().code, Code::unavailable);
  EXPECT_THAT(grown.error().message, HasSubstr(file_.native()));
}

TEST_F(GrowFileSystemTest, WhatCannotGrowMountedIsRefusedByName) {
  const auto fat = growing_mounted(image_, {target_, "vfat", "/dev/loop0"});
  ASSERT_FALSE(fat);
  EXPECT_EQ(fat.error().code, Code::refused);
  EXPECT_THAT(fat.error().message, HasSubstr("with the file system vfat"));
  EXPECT_TRUE(check_grows_mounted(image_)) << "it is not mounted";
  mounted(image_, target_);
  const auto ext4 = check_grows_mounted(image_);
  EXPECT_EQ(ext4.has_value(), may_resize_ext4());
  if (!ext4) {
    EXPECT_EQ(ext4.error().code, Code::refused);
    EXPECT_THAT(ext4.error().message, HasSubstr("CAP_SYS_RESOURCE"));
    EXPECT_THAT(ext4.error().message, HasSubstr("stop the containers that have it"));
    resize(64);
    EXPECT_EQ(grow(image_).error().code, Code::refused);
  }
}

}  // namespace
}  // namespace drover::runtimes
