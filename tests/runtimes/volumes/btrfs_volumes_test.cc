// Storage "local-btrfs": subvolumes of a real file system in a loop file.
#include "runtimes/volumes/btrfs_volumes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/system/child.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "runtimes/volumes/local_volumes.h"
#include "runtimes/volumes/subvolume.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class BtrfsVolumesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(disk_).close();
    std::filesystem::resize_file(disk_, std::uintmax_t{512} << 20U);
    run({"mkfs.btrfs", "-q", disk_.native()});
    std::filesystem::create_directories(layout_.local_volumes());
    run({"mount", "-o", "loop", disk_.native(), layout_.local_volumes().native()});
  }
  void TearDown() override {
    umount2(target_.c_str(), MNT_DETACH);
    EXPECT_EQ(umount(layout_.local_volumes().c_str()), 0);
  }
  void run(const std::vector<std::string>& argv) {
    const auto ran = system::run_ok(argv, stop_);
    ASSERT_TRUE(ran) << to_text(ran.error());
  }
  Volume allocated(const char* job = "job.1") {
    const auto made = volumes_.allocate(name_, *JobId::parse(job), spec_, stop_);
    EXPECT_TRUE(made) << to_text(made.error());
    return *made;
  }
  /// How much of `mib` is written to a new file, and is on the disk.
  std::size_t written_mib(const Path& file, std::size_t mib) {
    const system::UniqueFd fd(open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const std::string one(std::size_t{1} << 20U, 'x');
    for (std::size_t done = 0; done < mib; ++done) {
      const ssize_t wrote = write(fd.get(), one.data(), one.size());
      // What fits in part is written in part, and the next call fails.
      if (wrote < 0 || (wrote == static_cast<ssize_t>(one.size()) && fsync(fd.get()) != 0)) {
        EXPECT_EQ(errno, EDQUOT);
        return done;
      }
    }
    return mib;
  }
  std::size_t subvolumes() {
    const std::string list =
        system::run_ok({"btrfs", "subvolume", "list", layout_.local_volumes().native()}, stop_)
            .value();
    return static_cast<std::size_t>(std::count(list.begin(), list.end(), '\n'));
  }

  fakes::TempFolder folder_;
  const Path disk_ = folder_ / "disk";
  const Path target_ = folder_ / "mount";
  Layout layout_{folder_ / "state", folder_ / "run"};
  BtrfsVolumes volumes_{layout_};
  system::Stop stop_;
  const ContainerName name_ = *ContainerName::parse("web-1");
  const JobId job_ = *JobId::parse("job.1");
  const VolumeSpec spec_{"data", "/data", "local-btrfs", 32, false};
};

TEST_F(BtrfsVolumesTest, AVolumeIsASubvolumeThatKeepsToItsSizeAndGrows) {
  ASSERT_TRUE(volumes_.usable());
  EXPECT_EQ(volumes_.find(name_, job_, spec_, stop_).error().code, Code::not_found);
  const Volume volume = allocated();
  EXPECT_EQ(volume.path, layout_.local_volumes() / "subvolume_web-1.data.job.1");
  EXPECT_TRUE(is_subvolume(volume.path));
  EXPECT_EQ(std::filesystem::status(volume.path).permissions(), std::filesystem::perms(0755));
  EXPECT_EQ(volumes_.find(name_, job_, spec_, stop_)->id, volume.id);
  EXPECT_EQ(allocated().id, volume.id);
  ASSERT_TRUE(mount_volume(volume, target_, stop_));
  EXPECT_LE(written_mib(target_ / "much", 48), 32U);
  ASSERT_TRUE(volumes_.grow(volume, 96, stop_));
  ASSERT_TRUE(grow_file_system(volume, folder_ / "lock", stop_));
  EXPECT_EQ(written_mib(target_ / "much", 48), 48U);
  ASSERT_TRUE(unmount_volume(target_, stop_));
}

TEST_F(BtrfsVolumesTest, OneThatWasCutOffBeforeItHadItsLimitGetsIt) {
  const Path path = layout_.local_volumes() / "subvolume_web-1.data.job.1";
  ASSERT_TRUE(make_subvolume(path, stop_));
  ASSERT_TRUE(volumes_.find(name_, job_, spec_, stop_));
  EXPECT_LE(written_mib(path / "much", 48), 32U);
}

TEST_F(BtrfsVolumesTest, ACopyIsThatOfOneInstantAndHasItsOwnLimit) {
  const Volume from = allocated();
  const Volume to = allocated("job.2");
  const system::UniqueFd open_file(
      open((from.path / "text").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(write(open_file.get(), "before", 6), 6);
  std::ofstream(to.path / "left") << "of an earlier copy";
  ASSERT_TRUE(copy_volume(from, to, stop_));
  ASSERT_EQ(write(open_file.get(), " after", 6), 6);
  EXPECT_EQ(system::read_file(to.path / "text").value(), "before");
  EXPECT_FALSE(std::filesystem::exists(to.path / "left"));
  EXPECT_LE(written_mib(to.path / "much", 48), 32U);
  ASSERT_TRUE(volumes_.release(from, stop_));
  EXPECT_EQ(system::read_file(to.path / "text").value(), "before");
  // One that was cut off when the place was empty is done again.
  ASSERT_TRUE(volumes_.release(to, stop_));
  const Volume third = allocated("job.3");
  EXPECT_TRUE(copy_volume(third, to, stop_));
}

TEST_F(BtrfsVolumesTest, WhatProgramsHaveMadeInItGoesWithItAndNothingElse) {
  const Volume volume = allocated();
  const Volume other = allocated("job.2");
  const Path deep = volume.path / "a/b";
  std::filesystem::create_directories(deep);
  ASSERT_TRUE(make_subvolume(deep / "inner", stop_));
  ASSERT_TRUE(make_subvolume(deep / "inner/most", stop_));
  // A name that looks like a line of a list, about somebody else's.
  ASSERT_TRUE(make_subvolume(volume.path / "x\nID 256 gen 9 top level 5 path y", stop_));
  std::ofstream(deep / "inner/most/file") << "x";
  run({"btrfs", "subvolume", "snapshot", "-r", (deep / "inner").native(),
       (volume.path / "read-only").native()});
  ASSERT_TRUE(volumes_.release(volume, stop_));
  EXPECT_FALSE(std::filesystem::exists(volume.path));
  EXPECT_TRUE(is_subvolume(other.path));
  EXPECT_TRUE(volumes_.release(volume, stop_));
  EXPECT_EQ(subvolumes(), 1U);
}

TEST_F(BtrfsVolumesTest, ReleasesItsOwnOnly) {
  const Path other = layout_.local_volumes() / "other";
  ASSERT_TRUE(make_subvolume(other, stop_));
  for (const Path& path : {other, Path("/etc"), layout_.local_volumes() / "subvolume_a/b"}) {
    EXPECT_EQ(volumes_.release({"x", "local-btrfs", "x", path, VolumeKind::subvolume}, stop_)
                  .error()
                  .code,
              Code::refused);
  }
  EXPECT_TRUE(is_subvolume(other));
}

TEST_F(BtrfsVolumesTest, TheInventoryHasThemAndThatOfFoldersHasNot) {
  const Volume volume = allocated();
  std::filesystem::create_directory(layout_.local_volumes() / "subvolume_web-1.data.job.9");
  LocalVolumes folders(layout_);
  EXPECT_TRUE(folders.inventory(stop_).value().volumes.empty());
  const std::vector<FoundVolume> found = volumes_.inventory(stop_).value().volumes;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().id, volume.id);
  EXPECT_EQ(found.front().storage, "local-btrfs");
  EXPECT_EQ(found.front().container, "web-1");
  EXPECT_EQ(found.front().job, "job.1");
  ASSERT_TRUE(volumes_.release_found(found.front(), stop_));
  EXPECT_FALSE(std::filesystem::exists(volume.path));
}

TEST_F(BtrfsVolumesTest, ElsewhereItIsRefusedByName) {
  const BtrfsVolumes elsewhere(Layout{"/proc", folder_ / "run"});
  const Result<> usable = elsewhere.usable();
  ASSERT_FALSE(usable);
  EXPECT_EQ(usable.error().code, Code::refused);
  EXPECT_THAT(usable.error().message, HasSubstr("/proc/volumes does not lie on btrfs"));
}

}  // namespace
}  // namespace drover::runtimes
