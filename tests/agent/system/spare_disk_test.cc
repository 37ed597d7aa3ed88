#include "agent/system/spare_disk.h"

#include <gmock/gmock.h>

#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"

namespace drover::system {
namespace {

using testing::HasSubstr;

constexpr std::size_t kMib = std::size_t{1} << 20U;

/// A disk of 16 MiB and 320 files, of which 1 MiB and 20 files are others'.
class SpareDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(mount("tmpfs", disk_.path().c_str(), "tmpfs", 0, "size=16m,nr_inodes=320"), 0);
  }
  void TearDown() override { umount2(disk_.path().c_str(), MNT_DETACH); }
  Result<> fill(std::size_t mib) {
    return write_unsynced(disk_ / fmt::format("{}", mib), std::string(mib * kMib, 'x'), 0600);
  }
  /// As a program does that is ended by its stop.
  static Result<> wait_for(const Stop& stop) {
    await_readable(stop.fd(), stop);
    return stop.check("write");
  }

  fakes::TempFolder disk_;
  Stop stop_;
};

TEST_F(SpareDiskTest, WhatFitsIsWritten) {
  EXPECT_TRUE(write_to_spare_disk(disk_.path(), stop_, [&](const Stop&) { return fill(14); }));
  EXPECT_TRUE(has_spare_room(disk_space(disk_.path()).value()));
}

TEST_F(SpareDiskTest, WhatWouldTakeOthersRoomIsCutOffAndSaysSo) {
  const auto written = write_to_spare_disk(disk_.path(), stop_, [&](const Stop& cut_off) {
    EXPECT_TRUE(fill(15));
    EXPECT_TRUE(write_unsynced(disk_ / "more", std::string(kMib / 2, 'x'), 0600));
    return wait_for(cut_off);
  });
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::unavailable);
  EXPECT_THAT(written.error().message, HasSubstr("the disk of " + disk_.path().native()));
  EXPECT_THAT(written.error().message,
              HasSubstr("had 16 MiB and 319 files left, and no room for it: 1 MiB and 20 files are "
                        "kept for others"));
  bool called = false;
  const auto next = write_to_spare_disk(disk_.path(), stop_, [&](const Stop&) -> Result<> {
    called = true;
    return {};
  });
  EXPECT_EQ(next.error().code, Code::unavailable);
  EXPECT_FALSE(called) << "nothing is begun on a disk that is full already";
}

TEST_F(SpareDiskTest, ManySmallFilesTakeOthersRoomToo) {
  const auto written = write_to_spare_disk(disk_.path(), stop_, [&](const Stop& cut_off) {
    for (int i = 0; i < 305; ++i) {
      EXPECT_TRUE(write_unsynced(disk_ / fmt::format("f{}", i), "", 0600));
    }
    return wait_for(cut_off);
  });
  EXPECT_EQ(written.error().code, Code::unavailable);
}

TEST_F(SpareDiskTest, ADiskThatWasFullBeforeAnybodyLookedIsNoBrokenProgram) {
  const auto written = write_to_spare_disk(disk_.path(), stop_, [&](const Stop&) -> Result<> {
    return fail(Code::broken, "umoci: open file: no space left on device");
  });
  EXPECT_EQ(written.error().code, Code::unavailable);
  EXPECT_THAT(written.error().message, HasSubstr("are kept for others"));
}

TEST_F(SpareDiskTest, OtherFailuresAndStopsAreWhatTheyAre) {
  const auto broken = write_to_spare_disk(
      disk_.path(), stop_, [](const Stop&) -> Result<> { return fail(Code::invalid, "no tar"); });
  EXPECT_EQ(broken.error().message, "no tar");
  stop_.request(Stop::Why::process_ends);
  const auto stopped = write_to_spare_disk(disk_.path(), stop_, [](const Stop& cut_off) {
    const Result<> ended = wait_for(cut_off);
    EXPECT_TRUE(cut_off.still_wanted());
    return ended;
  });
  EXPECT_EQ(stopped.error().code, Code::cancelled);
}

}  // namespace
}  // namespace drover::system
