#include "runtimes/volumes/mount_table.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>

#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

TEST(MountTableTest, ReadsTargetTypeAndSource) {
  const auto table = parse_mount_table(
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw\n"
      "37 35 0:5 / /proc rw - proc proc rw\n");
  ASSERT_EQ(table.size(), 2U);
  EXPECT_EQ(table[0].target, "/mnt2");
  EXPECT_EQ(table[0].type, "ext3");
  EXPECT_EQ(table[0].source, "/dev/root");
  EXPECT_EQ(table[1].target, "/proc");
}

TEST(MountTableTest, DecodesWhatTheKernelWritesInOctal) {
  const auto table =
      parse_mount_table("1 2 0:5 / /a\\040b\\011c\\012d\\134e\\04 rw - tmpfs \\043x rw\n");
  ASSERT_EQ(table.size(), 1U);
  EXPECT_EQ(table[0].target.native(), "/a b\tc\nd\\e\\04");
  EXPECT_EQ(table[0].source, "#x");
}

TEST(MountTableTest, OfAnOverlayItReadsTheFolderBelow) {
  const auto table = parse_mount_table(
      "1 2 0:5 / /a rw - overlay overlay rw,lowerdir=/images/a,upperdir=/u,workdir=/w\n"
      "1 2 0:5 / /b rw - overlay overlay "
      "rw,upperdir=/u,lowerdir=/a\\040b\\134:c\\134\\054d:/second\n"
      "1 2 0:5 / /x rw - overlay /images/f\\040,g rw,lowerdir=/proc/self/fd/7,upperdir=/u\n"
      "1 2 0:5 / /c rw - overlay overlay rw\n"
      "1 2 0:5 / /d rw - overlay overlay\n"
      "1 2 0:5 / /e rw - tmpfs tmpfs rw,lowerdir=/x\n");
  ASSERT_EQ(table.size(), 6U);
  EXPECT_EQ(table[0].lower, "/images/a");
  EXPECT_EQ(table[1].lower, "/a b:c,d");
  // One that was mounted by a descriptor says by its source what that was.
  EXPECT_EQ(table[2].lower, "/images/f ,g");
  for (std::size_t i = 3; i < table.size(); ++i) {
    EXPECT_EQ(table[i].lower, "");
  }
}

TEST(MountTableTest, TellsWhatWasRemovedSinceItIsMounted) {
  const auto table = parse_mount_table(
      "1 2 0:5 /names/hosts//deleted /etc/hosts rw - ext4 /dev/vda rw\n"
      "1 2 0:5 /names/deleted /etc/hostname rw - ext4 /dev/vda rw\n");
  ASSERT_EQ(table.size(), 2U);
  EXPECT_TRUE(table[0].removed);
  EXPECT_FALSE(table[1].removed);
}

TEST(MountTableTest, AnEmptySourceIsAFieldToo) {
  const auto table = parse_mount_table("1 2 0:5 / /a rw shared:7 - tmpfs  rw,size=4k\n");
  ASSERT_EQ(table.size(), 1U);
  EXPECT_EQ(table[0].type, "tmpfs");
  EXPECT_EQ(table[0].source, "");
}

TEST(MountTableTest, PassesOverLinesThatAreNone) {
  EXPECT_TRUE(parse_mount_table("").empty());
  EXPECT_TRUE(parse_mount_table("\n\n").empty());
  EXPECT_TRUE(parse_mount_table("1 2 0:5 / /a rw - tmpfs").empty());
  EXPECT_TRUE(parse_mount_table("1 2 - / /a").empty());
  EXPECT_EQ(parse_mount_table("nonsense\n1 2 0:5 / /a rw - tmpfs x rw").size(), 1U);
}

/// Both ways to ask.
void expect_mounted(const system::Path& target, bool mounted) {
  EXPECT_EQ(is_mounted(target).value(), mounted) << target;
  EXPECT_EQ(is_mount_root(target).value(), mounted) << target;
}

TEST(MountTableTest, TellsAMountFromAFolder) {
  const fakes::TempFolder folder;
  const auto target = folder / "a place";
  std::filesystem::create_directory(target);
  std::filesystem::create_symlink(target, folder / "link");
  expect_mounted(target, false);
  ASSERT_EQ(mount("none", target.c_str(), "tmpfs", 0, nullptr), 0);
  expect_mounted(target, true);
  expect_mounted(folder / "link", true);
  expect_mounted(folder.path(), false);
  expect_mounted(target / "missing", false);
  std::ofstream(target / "pin") << "";
  expect_mounted(target / "pin", false);
  ASSERT_EQ(mount("/proc/self/ns/net", (target / "pin").c_str(), nullptr, MS_BIND, nullptr), 0);
  expect_mounted(target / "pin", true);
  expect_mounted(target / "pin/below", false);
  ASSERT_EQ(umount((target / "pin").c_str()), 0);
  ASSERT_EQ(umount(target.c_str()), 0);
  expect_mounted(target, false);
}

}  // namespace
}  // namespace drover::runtimes
