#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "loop_device.h"
#include "runtimes/volumes/in_use.h"
#include "runtimes/volumes/mount_table.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

class MountVolumeTest : public testing::Test {
 protected:
  /// A sparse file of 16 MiB.
  void SetUp() override {
    std::ofstream(file_).close();
    std::filesystem::resize_file(file_, 16 << 20);
    std::filesystem::create_directory(source_);
  }
  void TearDown() override { umount2(target_.c_str(), MNT_DETACH); }

  void expect_mounted(const Volume& volume) {
    const auto mounted = mount_volume(volume, target_, stop_);
    ASSERT_TRUE(mounted) << to_text(mounted.error());
    ASSERT_TRUE(is_mounted(target_).value());
    struct statvfs found {};
    ASSERT_EQ(statvfs(target_.c_str(), &found), 0);
    EXPECT_NE(found.f_flag & ST_NOSUID, 0U);
    EXPECT_NE(found.f_flag & ST_NODEV, 0U);
  }
  void expect_unmounted() {
    const auto unmounted = unmount_volume(target_, stop_);
    ASSERT_TRUE(unmounted) << to_text(unmounted.error());
    EXPECT_FALSE(is_mounted(target_).value());
    EXPECT_FALSE(std::filesystem::exists(target_));
  }
  void run(const std::vector<std::string>& argv) {
    const auto ran = system::run_ok(argv, stop_);
    ASSERT_TRUE(ran) << to_text(ran.error());
  }
  void overwrite(std::streamoff at, std::string_view bytes) {
    std::fstream(file_, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(at)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  std::string content() const { return system::read_file(file_, 32U << 20).value(); }

  fakes::TempFolder folder_;
  const Path source_ = folder_ / "source";
  const Path file_ = folder_ / "vm-9-x.raw";
  const Path target_ = folder_ / "mounts/a volume";
  const Volume bound_{"data", "local-folder", source_.string(), source_, VolumeKind::folder};
  const Volume image_{"data", "local", "local:9/vm-9-x.raw", file_, VolumeKind::image};
  system::Stop stop_;
};

TEST_F(MountVolumeTest, AFolderIsBound) {
  std::ofstream(source_ / "inside") << "x";
  expect_mounted(bound_);
  EXPECT_TRUE(std::filesystem::exists(target_ / "inside"));
  std::ofstream(target_ / "written") << "y";
  expect_unmounted();
  EXPECT_TRUE(std::filesystem::exists(source_ / "written"));
}

TEST_F(MountVolumeTest, MountingTwiceMountsOnce) {
  expect_mounted(bound_);
  expect_mounted(bound_);
  ASSERT_EQ(umount(target_.c_str()), 0);
  EXPECT_FALSE(is_mounted(target_).value());
}

TEST_F(MountVolumeTest, UnmountingWhatIsNotMountedIsSuccess) {
  expect_unmounted();
  std::filesystem::create_directories(target_);
  expect_unmounted();
}

TEST_F(MountVolumeTest, UnmountsWhatIsMountedOverEachOther) {
  expect_mounted(bound_);
  ASSERT_EQ(mount("none", target_.c_str(), "tmpfs", 0, nullptr), 0);
  expect_unmounted();
}

TEST_F(MountVolumeTest, AFolderWithSomethingInItStays) {
  std::filesystem::create_directories(target_ / "others");
  ASSERT_TRUE(unmount_volume(target_, stop_));
  EXPECT_TRUE(std::filesystem::exists(target_ / "others"));
}

TEST_F(MountVolumeTest, AnImageGetsAFileSystemAndKeepsWhatIsWritten) {
  expect_mounted(image_);
  std::ofstream(target_ / "kept") << "for later";
  expect_unmounted();
  EXPECT_FALSE(is_in_use(image_).value());
  EXPECT_LT(std::filesystem::file_size(file_), (16U << 20) + 1);
  expect_mounted(image_);
  EXPECT_EQ(system::read_file(target_ / "kept").value(), "for later");
  expect_unmounted();
}

TEST_F(MountVolumeTest, AFileSystemThatIsThereIsKept) {
  run({"mkfs.ext4", "-q", "-F", "-L", "mine", file_.native()});
  expect_mounted(image_);
  expect_unmounted();
  const auto label = system::run_ok({"blkid", "-p", "-o", "value", "-s", "LABEL", file_}, stop_);
  ASSERT_TRUE(label) << to_text(label.error());
  EXPECT_EQ(*label, "mine\n");
}

TEST_F(MountVolumeTest, ABlockDeviceGetsAFileSystemToo) {
  const LoopDevice device(file_);
  expect_mounted({"data", "lvm", "lvm:vm-9-x", device.path(), VolumeKind::block});
  expect_unmounted();
}

TEST_F(MountVolumeTest, APartitionTableIsNotFormatted) {
  // One Linux partition from sector 1 on, and the boot signature.
  overwrite(446, std::string_view("\0\0\0\0\x83\0\0\0\1\0\0\0\0\x40\0\0", 16));
  overwrite(510, "\x55\xaa");
  const std::string before = content();
  const auto mounted = mount_volume(image_, target_, stop_);
  ASSERT_FALSE(mounted);
  EXPECT_NE(mounted.error().message.find(image_.id), std::string::npos);
  EXPECT_EQ(content(), before);
}

TEST_F(MountVolumeTest, ContradictingSignaturesAreNotFormatted) {
  // ext4 below the header of a swap area: blkid finds both.
  run({"mkfs.ext4", "-q", "-F", file_.native()});
  overwrite(4086, "SWAPSPACE2");
  overwrite(1024, std::string_view("\1\0\0\0\xff\x0f\0\0\0\0\0\0", 12));
  const std::string before = content();
  const auto mounted = mount_volume(image_, target_, stop_);
  ASSERT_FALSE(mounted);
  EXPECT_EQ(mounted.error().code, Code::refused) << to_text(mounted.error());
  EXPECT_EQ(content(), before);
}

TEST_F(MountVolumeTest, WhatCannotBeReadIsNotFormatted) {
  // blkid ends with 2 for a folder, as it does for an empty file.
  const Volume unreadable{"data", "local", "local:x", source_, VolumeKind::image};
  const auto mounted = mount_volume(unreadable, target_, stop_);
  ASSERT_FALSE(mounted);
  EXPECT_TRUE(mounted.error().message.starts_with("read ")) << mounted.error().message;
}

TEST_F(MountVolumeTest, AMissingVolumeIsNotFound) {
  for (const VolumeKind kind : {VolumeKind::folder, VolumeKind::image, VolumeKind::block}) {
    const auto mounted = mount_volume({"a", "s", "i", folder_ / "no", kind}, target_, stop_);
    ASSERT_FALSE(mounted);
    EXPECT_EQ(mounted.error().code, Code::not_found) << to_text(mounted.error());
  }
}

TEST_F(MountVolumeTest, ABusyVolumeIsUnavailableUntilItIsNot) {
  expect_mounted(image_);
  {
    const system::UniqueFd open_file(
        open((target_ / "held").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    ASSERT_TRUE(open_file.valid());
    const auto unmounted = unmount_volume(target_, stop_);
    ASSERT_FALSE(unmounted);
    EXPECT_EQ(unmounted.error().code, Code::unavailable);
    EXPECT_TRUE(is_mounted(target_).value());
  }
  expect_unmounted();
}

TEST_F(MountVolumeTest, AStopEndsItUnmounted) {
  stop_.request();
  const auto mounted = mount_volume(image_, target_, stop_);
  ASSERT_FALSE(mounted);
  EXPECT_EQ(mounted.error().code, Code::cancelled);
  EXPECT_FALSE(is_mounted(target_).value());
}

TEST_F(MountVolumeTest, AFileSystemWithFaultsIsMendedBeforeItIsMounted) {
  ASSERT_TRUE(format_volume(image_, stop_));
  // As the kernel marks one in which it has found faults.
  run({"debugfs", "-w", "-R", "ssv state 2", file_.native()});
  expect_mounted(image_);
  expect_unmounted();
  const std::string header = system::run_ok({"dumpe2fs", "-h", file_.native()}, stop_).value();
  EXPECT_NE(header.find("Filesystem state:         clean\n"), std::string::npos) << header;
}

TEST_F(MountVolumeTest, OneThatHasToBeMendedByHandIsNotMounted) {
  ASSERT_TRUE(format_volume(image_, stop_));
  run({"debugfs", "-w", "-R", "clri <2>", file_.native()});
  run({"debugfs", "-w", "-R", "ssv state 2", file_.native()});
  const auto mounted = mount_volume(image_, target_, stop_);
  ASSERT_FALSE(mounted);
  EXPECT_EQ(mounted.error().code, Code::broken);
  EXPECT_NE(mounted.error().message.find("repair it by hand: e2fsck " + file_.native()),
            std::string::npos)
      << mounted.error().message;
  EXPECT_FALSE(is_mounted(target_).value());
}

TEST_F(MountVolumeTest, OneThatAnotherHasMountedIsNotChecked) {
  expect_mounted(image_);
  const Path second = folder_ / "second";
  const auto mounted = mount_volume(image_, second, stop_);
  EXPECT_TRUE(mounted) << to_text(mounted.error());
  EXPECT_TRUE(unmount_volume(second, stop_));
  expect_unmounted();
}

TEST_F(MountVolumeTest, WhatWorksOnAFileSystemEndsWithTheAgent) {
  // Of an image that a program of an agent that was killed still works on, nobody else can tell.
  ASSERT_TRUE(format_volume(image_, stop_));
  const Path bin = folder_ / "bin";
  std::filesystem::create_directory(bin);
  std::ofstream(bin / "e2fsck") << "#!/bin/sh\necho $$ > " << (bin / "new").native() << "\nmv "
                                << (bin / "new").native() << " " << (bin / "pid").native()
                                << "\nexec sleep 60\n";
  std::filesystem::permissions(bin / "e2fsck", std::filesystem::perms::owner_all);
  const pid_t agent = fork();
  if (agent == 0) {
    setenv("PATH", (bin.native() + ":" + getenv("PATH")).c_str(), 1);
    (void)check_file_system(image_, Check::all, stop_).has_value();
    _exit(0);
  }
  const auto within = [](const std::function<bool()>& condition) {
    for (int tries = 0; tries < 500 && !condition(); ++tries) {
      usleep(10'000);
    }
    return condition();
  };
  ASSERT_TRUE(within([&] { return std::filesystem::exists(bin / "pid"); }));
  const Path process = "/proc/" + std::to_string(std::stoi(*system::read_file(bin / "pid")));
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  const auto ended = [&] {
    const std::string stat = system::read_file(process / "stat").value_or("");
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  };
  EXPECT_TRUE(within(ended));
}

TEST_F(MountVolumeTest, WhatGrowsAFileSystemIsNotEndedInTheMiddle) {
  // Ended in the middle it leaves one that e2fsck -p does not mend.
  ASSERT_TRUE(format_volume(image_, stop_));
  const Path bin = folder_ / "bin";
  const Path calls = bin / "calls";
  std::filesystem::create_directory(bin);
  std::ofstream(bin / "resize2fs") << "#!/bin/sh\necho begins >> " << calls.native()
                                   << "\nsleep 1\necho ends >> " << calls.native() << "\n";
  std::filesystem::permissions(bin / "resize2fs", std::filesystem::perms::owner_all);
  const std::string before = getenv("PATH");
  setenv("PATH", (bin.native() + ":" + before).c_str(), 1);
  const auto said = [&] { return system::read_file(calls).value_or(""); };
  const auto within = [](const std::function<bool()>& condition) {
    for (int tries = 0; tries < 500 && !condition(); ++tries) {
      usleep(10'000);
    }
    return condition();
  };
  // Not with the agent: the next one waits for it.
  const pid_t agent = fork();
  if (agent == 0) {
    (void)grow_file_system(image_, folder_ / "lock", stop_).has_value();
    _exit(0);
  }
  EXPECT_TRUE(within([&] { return said() == "begins\n"; }));
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  // Nor by a job that is cancelled.
  std::thread cancel([&] {
    EXPECT_TRUE(within([&] { return said().ends_with("ends\nbegins\n"); })) << said();
    stop_.request();
  });
  const auto grown = grow_file_system(image_, folder_ / "lock", stop_);
  cancel.join();
  EXPECT_TRUE(grown) << to_text(grown.error());
  EXPECT_EQ(said(), "begins\nends\nbegins\nends\n");
  setenv("PATH", before.c_str(), 1);
}

TEST_F(MountVolumeTest, AFolderIsBoundWithWhatItsFileSystemForbids) {
  ASSERT_EQ(mount("tmpfs", source_.c_str(), "tmpfs", MS_NOEXEC, nullptr), 0);
  expect_mounted(bound_);
  struct statvfs found {};
  ASSERT_EQ(statvfs(target_.c_str(), &found), 0);
  EXPECT_NE(found.f_flag & ST_NOEXEC, 0U);
  EXPECT_EQ(found.f_flag & ST_RDONLY, 0U);
  expect_unmounted();
  EXPECT_EQ(umount(source_.c_str()), 0);
}

TEST_F(MountVolumeTest, ADatasetIsBoundOnlyWhileItIsMounted) {
  const Volume dataset{"data", "tank", "tank:subvol-9-x", source_, VolumeKind::dataset};
  const auto early = mount_volume(dataset, target_, stop_);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Code::unavailable);
  EXPECT_FALSE(is_mounted(target_).value());
  ASSERT_EQ(mount("tmpfs", source_.c_str(), "tmpfs", 0, nullptr), 0);
  std::ofstream(source_ / "inside") << "x";
  expect_mounted(dataset);
  EXPECT_TRUE(std::filesystem::exists(target_ / "inside"));
  EXPECT_TRUE(is_mounted_at(dataset, target_).value());
  expect_unmounted();
  EXPECT_EQ(umount(source_.c_str()), 0);
}

TEST_F(MountVolumeTest, ACopyOfADatasetLeavesItMounted) {
  const Path other = folder_ / "other";
  std::filesystem::create_directory(other);
  ASSERT_EQ(mount("tmpfs", source_.c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_EQ(mount("tmpfs", other.c_str(), "tmpfs", 0, nullptr), 0);
  std::ofstream(source_ / "inside") << "x";
  std::filesystem::create_directories(other / "left/of an earlier copy");
  const auto copied = copy_volume({"a", "tank", "tank:a", source_, VolumeKind::dataset},
                                  {"b", "tank", "tank:b", other, VolumeKind::dataset}, stop_);
  ASSERT_TRUE(copied) << to_text(copied.error());
  EXPECT_TRUE(is_mounted(other).value());
  EXPECT_EQ(system::read_file(other / "inside").value(), "x");
  EXPECT_FALSE(std::filesystem::exists(other / "left"));
  EXPECT_EQ(umount(source_.c_str()), 0);
  EXPECT_EQ(umount(other.c_str()), 0);
}

TEST_F(MountVolumeTest, WhatAnEarlierVersionMadeOfAnotherKindIsCopiedByHand) {
  const auto copied =
      copy_volume({"a", "tank", "tank:vm-9-a", file_, VolumeKind::block},
                  {"b", "tank", "tank:subvol-9-b", source_, VolumeKind::dataset}, stop_);
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, Code::refused);
  EXPECT_NE(copied.error().message.find("tank:vm-9-a: it was made as another kind"),
            std::string::npos)
      << copied.error().message;
}

}  // namespace
}  // namespace drover::runtimes
