// What is written into which file of a control group. The groups are plain folders here, of both
// versions: whether the kernel takes it is oci_chosen_test's, on the version that the machine has.
#include "runtimes/oci/group_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>

#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

using system::Path;
using testing::StartsWith;

class GroupLimitsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(group_);
    ASSERT_EQ(mknod(disk_.c_str(), S_IFBLK | 0600, makedev(7, 250)), 0);
  }
  /// The kernel takes each write for itself; a plain file keeps the last one, and what is longer of
  /// the one before.
  void has(const std::string& file, const std::string& text) {
    std::ofstream(group_ / file) << text;
  }
  std::string text_of(const std::string& file) const {
    return system::read_file(group_ / file).value_or("none");
  }
  void expect_set(const Resources& whole) {
    const auto set = set_group_limits({group_, group_, group_, group_}, whole);
    EXPECT_TRUE(set) << to_text(set.error());
  }
  Code code_of(const GroupFolders& groups, const Resources& whole) {
    const auto set = set_group_limits(groups, whole);
    return set ? Code::broken : set.error().code;
  }

  fakes::TempFolder folder_;
  const Path group_ = folder_ / "group";
  const Path disk_ = folder_ / "disk";
};

TEST_F(GroupLimitsTest, OfTheSecondVersion) {
  for (const char* file : {"cgroup.controllers", "cpu.weight", "cpuset.cpus", "io.max", "io.weight",
                           "hugetlb.2MB.max", "hugetlb.1GB.max", "hugetlb.2MB.rsvd.max"}) {
    has(file, "");
  }
  Resources whole;
  whole.io.devices = {{disk_, 1024, 0, 7, 0}};
  whole.hugetlb_mib = {{"2MB", 64}};
  expect_set(whole);
  EXPECT_EQ(text_of("cpu.weight"), "100");
  EXPECT_EQ(text_of("cpuset.cpus"), "\n") << "which is all of the group above";
  EXPECT_EQ(text_of("io.max"), "7:250 rbps=1024 wbps=max riops=7 wiops=max");
  EXPECT_EQ(text_of("io.weight"), "default 100");
  EXPECT_EQ(text_of("hugetlb.2MB.max"), "67108864");
  EXPECT_EQ(text_of("hugetlb.1GB.max"), "max");
  EXPECT_EQ(text_of("hugetlb.2MB.rsvd.max"), "") << "of reservations nobody has said anything";
}

TEST_F(GroupLimitsTest, OfTheFirstVersion) {
  std::ofstream(folder_ / "cpuset.cpus") << "0-3\n";
  for (const char* file :
       {"cpu.shares", "cpuset.cpus", "blkio.throttle.read_bps_device",
        "blkio.throttle.write_bps_device", "blkio.throttle.read_iops_device",
        "blkio.throttle.write_iops_device", "blkio.bfq.weight", "hugetlb.2MB.limit_in_bytes"}) {
    has(file, "");
  }
  Resources whole;
  whole.io.devices = {{disk_, 1024, 0, 7, 0}};
  expect_set(whole);
  EXPECT_EQ(text_of("cpu.shares"), "1024");
  EXPECT_EQ(text_of("cpuset.cpus"), "0-3\n");
  EXPECT_EQ(text_of("blkio.throttle.read_bps_device"), "7:250 1024");
  EXPECT_EQ(text_of("blkio.throttle.write_bps_device"), "7:250 0");
  EXPECT_EQ(text_of("blkio.throttle.read_iops_device"), "7:250 7");
  EXPECT_EQ(text_of("blkio.bfq.weight"), "100");
  EXPECT_EQ(text_of("hugetlb.2MB.limit_in_bytes"), "-1");
}

TEST_F(GroupLimitsTest, ADiskThatIsNotNamedAnyMoreIsUnbounded) {
  has("io.max", "8:0 rbps=1 wbps=max riops=max wiops=max\n");
  expect_set({});
  EXPECT_THAT(text_of("io.max"), StartsWith("8:0 rbps=max wbps=max riops=max wiops=max"));
  std::filesystem::remove(group_ / "io.max");
  for (const char* kind : {"read_bps", "write_bps", "read_iops", "write_iops"}) {
    has(fmt::format("blkio.throttle.{}_device", kind), "8:0 9\n");
  }
  expect_set({});
  EXPECT_THAT(text_of("blkio.throttle.write_iops_device"), StartsWith("8:0 0"));
}

TEST_F(GroupLimitsTest, WhatTheRuntimeHasSetIsLeft) {
  has("cpu.weight", "20");
  has("cpuset.cpus", "1");
  has("io.weight", "default 50");
  Resources whole;
  whole.cpu_shares = 512;
  whole.cpuset = "1";
  whole.io.weight = 200;
  expect_set(whole);
  EXPECT_EQ(text_of("cpu.weight"), "20");
  EXPECT_EQ(text_of("cpuset.cpus"), "1");
  EXPECT_EQ(text_of("io.weight"), "default 50");
}

TEST_F(GroupLimitsTest, WhatTheKernelBoundsNowhereIsRefused) {
  expect_set({});
  EXPECT_TRUE(set_group_limits({}, {}));
  Resources pages;
  pages.hugetlb_mib = {{"2MB", 64}};
  Resources rates;
  rates.io.devices = {{disk_, 1024, 0, 0, 0}};
  for (const GroupFolders& groups :
       {GroupFolders(), GroupFolders{group_, group_, group_, group_}}) {
    EXPECT_EQ(code_of(groups, pages), Code::refused);
    EXPECT_EQ(code_of(groups, rates), Code::refused);
  }
  has("io.max", "");
  rates.io.devices.front().path = "/dev/null";
  EXPECT_EQ(code_of({group_, group_, group_, group_}, rates), Code::refused) << "no disk";
}

}  // namespace
}  // namespace drover::runtimes
