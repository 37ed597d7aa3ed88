#include "runtimes/rotated_log.h"

#include <gtest/gtest.h>
#include <sys/xattr.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "fakes/temp_folder.h"
#include "runtimes/log_rotation.h"

namespace drover::runtimes {
namespace {

class RotatedLogTest : public testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(log_, std::ios::app) << text; }
  /// As LXC does it once the file is full.
  void rotate() {
    std::filesystem::rename(log_, older_part(log_));
    write("");
  }
  static std::string rest(RotatedLog& log, std::uint64_t& offset) {
    std::string text;
    std::array<char, 3> chunk{};
    for (;;) {
      const Result<std::size_t> size = log.read(offset, chunk.data(), chunk.size());
      EXPECT_TRUE(size);
      if (!size || *size == 0) {
        return text;
      }
      text.append(chunk.data(), *size);
      offset += *size;
    }
  }
  std::string all(std::uint64_t offset, bool in_parts = true) {
    Result<RotatedLog> log = RotatedLog::open(log_, in_parts, offset);
    EXPECT_TRUE(log);
    return log ? rest(*log, offset) : "";
  }
  bool has_marks() {
    std::ofstream(folder_ / "probe").flush();
    return setxattr((folder_ / "probe").c_str(), "trusted.drover.probe", "1", 1, 0) == 0;
  }

  fakes::TempFolder folder_;
  const system::Path log_ = folder_ / "log";
};

TEST_F(RotatedLogTest, BothPartsAreOneLog) {
  EXPECT_EQ(RotatedLog::open(log_, true, 0).error().code, Code::not_found);
  ASSERT_TRUE(begin_rotated_log(log_));
  EXPECT_EQ(all(0), "");
  write("0123456789");
  ASSERT_TRUE(begin_rotated_log(log_));
  EXPECT_EQ(all(0), "0123456789");
  rotate();
  write("abc");
  EXPECT_EQ(all(0), "0123456789abc");
  EXPECT_EQ(all(8), "89abc");
  EXPECT_EQ(all(11), "bc");
  EXPECT_EQ(all(13), "");
}

TEST_F(RotatedLogTest, AReaderFollowsOverRotations) {
  ASSERT_TRUE(begin_rotated_log(log_));
  std::uint64_t offset = 0;
  Result<RotatedLog> log = RotatedLog::open(log_, true, offset);
  ASSERT_TRUE(log);
  for (const char* text : {"one ", "two ", "three ", "four "}) {
    write(text);
    EXPECT_EQ(rest(*log, offset), text);
    write("and ");  // read after the rotation only
    rotate();
    EXPECT_EQ(rest(*log, offset), "and ");
  }
  EXPECT_EQ(offset, 35U);
}

TEST_F(RotatedLogTest, WhoReadsSlowlyMissesOnlyWhatIsGone) {
  ASSERT_TRUE(begin_rotated_log(log_));
  std::uint64_t offset = 0;
  Result<RotatedLog> log = RotatedLog::open(log_, true, offset);
  ASSERT_TRUE(log);
  write("one ");
  rotate();
  write("two ");
  rotate();
  write("three ");
  EXPECT_EQ(rest(*log, offset), "one two three ");
}

TEST_F(RotatedLogTest, BytesKeepTheirNumbersWhileOthersGo) {
  if (!has_marks()) {
    GTEST_SKIP() << "this file system has no trusted attributes for whoever runs this";
  }
  ASSERT_TRUE(begin_rotated_log(log_));
  write("0123");
  rotate();
  write("4567");
  EXPECT_EQ(all(6), "67") << "which counts the parts";
  rotate();
  write("89");
  std::uint64_t offset = 0;
  Result<RotatedLog> log = RotatedLog::open(log_, true, offset);
  ASSERT_TRUE(log);
  char first = 0;
  ASSERT_EQ(log->read(offset, &first, 1).value(), 1U);
  EXPECT_EQ(first, '4');
  EXPECT_EQ(offset, 4U) << "those before are gone";
  EXPECT_EQ(all(7), "789");
}

TEST_F(RotatedLogTest, AfterRotationsThatNobodySawAllThatIsKeptIsNew) {
  if (!has_marks()) {
    GTEST_SKIP() << "this file system has no trusted attributes for whoever runs this";
  }
  ASSERT_TRUE(begin_rotated_log(log_));
  write("0123");
  EXPECT_EQ(all(0), "0123");
  for (const char* text : {"4567", "89ab", "cd"}) {
    rotate();
    write(text);
  }
  std::uint64_t offset = 4;
  Result<RotatedLog> log = RotatedLog::open(log_, true, offset);
  ASSERT_TRUE(log);
  EXPECT_EQ(rest(*log, offset), "89abcd");
  EXPECT_EQ(offset, 11U) << "at least one byte is told as gone";
}

TEST_F(RotatedLogTest, WhatAReaderClaimsToHaveReadIsNotBelieved) {
  if (!has_marks()) {
    GTEST_SKIP() << "this file system has no trusted attributes for whoever runs this";
  }
  ASSERT_TRUE(begin_rotated_log(log_));
  for (const char* text : {"0123", "4567", "89ab", "cd"}) {
    write(text);
    if (text != std::string("cd")) {
      rotate();
    }
  }
  EXPECT_EQ(all(1'000'000), "");
  EXPECT_EQ(all(0), "89abcd");
  std::uint64_t offset = 9;
  Result<RotatedLog> log = RotatedLog::open(log_, true, offset);
  ASSERT_TRUE(log);
  rotate();
  write("ef");
  EXPECT_EQ(rest(*log, offset), "cdef") << "a follower reads on";
}

TEST_F(RotatedLogTest, CountsNeverRunBack) {
  if (!has_marks()) {
    GTEST_SKIP() << "this file system has no trusted attributes for whoever runs this";
  }
  ASSERT_TRUE(begin_rotated_log(log_));
  std::uint64_t before = 0;
  for (int turn = 0; turn < 5; ++turn) {
    for (int unseen = 0; unseen < 3; ++unseen) {
      write("0123");
      rotate();
    }
    write("01");
    std::uint64_t offset = before;
    Result<RotatedLog> log = RotatedLog::open(log_, true, offset);
    ASSERT_TRUE(log);
    EXPECT_EQ(rest(*log, offset), "012301") << turn;
    EXPECT_GT(offset, before + 6) << turn;
    before = offset;
    write("23");
    rotate();
  }
}

TEST_F(RotatedLogTest, ALogLargerThanItsBoundIsTurned) {
  ASSERT_TRUE(begin_rotated_log(log_));
  write("0123");
  ASSERT_TRUE(turn_rotated_log(log_, {4, 2}));
  EXPECT_FALSE(std::filesystem::exists(older_part(log_))) << "LXC turns one that is full";
  ASSERT_TRUE(turn_rotated_log(log_, {3, 2}));
  EXPECT_EQ(system::read_file(log_).value(), "");
  write("45");
  EXPECT_EQ(all(0), "012345");
  EXPECT_EQ(all(5), "5");
  std::filesystem::remove(log_);
  EXPECT_TRUE(turn_rotated_log(log_, {3, 2})) << "as a crash leaves it";
  ASSERT_TRUE(begin_rotated_log(log_));
  write("ab");
  EXPECT_EQ(all(3), "3ab");
}

TEST_F(RotatedLogTest, JoinedItIsOneFileWithTheSameNumbers) {
  ASSERT_TRUE(begin_rotated_log(log_));
  write("0123");
  rotate();
  write("45");
  const system::Path kept = folder_ / "kept";
  ASSERT_TRUE(join_rotated_log(log_, kept));
  EXPECT_FALSE(std::filesystem::exists(log_));
  EXPECT_FALSE(std::filesystem::exists(older_part(log_)));
  EXPECT_EQ(system::read_file(kept).value(), "012345");
  std::uint64_t offset = 3;
  Result<RotatedLog> log = RotatedLog::open(kept, true, offset);
  ASSERT_TRUE(log);
  EXPECT_EQ(rest(*log, offset), "345");
  EXPECT_TRUE(join_rotated_log(log_, kept)) << "there is nothing any more";
  EXPECT_EQ(system::read_file(kept).value(), "012345");
}

TEST_F(RotatedLogTest, WhatCannotBeJoinedStaysAsItWas) {
  write("0123");
  rotate();
  write("45");
  EXPECT_FALSE(join_rotated_log(log_, folder_ / "no" / "folder"));
  EXPECT_EQ(all(0), "012345");
  EXPECT_FALSE(std::filesystem::exists(log_.native() + ".whole"));
}

TEST_F(RotatedLogTest, JoinedAgainAfterACrashItIsStillWhole) {
  const system::Path kept = folder_ / "kept";
  write("0123");
  rotate();
  write("45");
  std::ofstream(kept) << "012345";
  ASSERT_TRUE(join_rotated_log(log_, kept)) << "nothing was taken away yet";
  EXPECT_EQ(system::read_file(kept).value(), "012345");
  std::ofstream(older_part(log_)) << "45";
  ASSERT_TRUE(join_rotated_log(log_, kept)) << "one part was left";
  EXPECT_EQ(system::read_file(kept).value(), "012345");
  EXPECT_FALSE(std::filesystem::exists(older_part(log_)));
}

TEST_F(RotatedLogTest, WhereThereIsNoRoomForBothTheNewerPartIsKept) {
  ASSERT_TRUE(begin_rotated_log(log_));
  write("0123");
  rotate();
  write("45");
  std::filesystem::create_directory(log_.native() + ".whole");
  std::ofstream(system::Path(log_.native() + ".whole") / "in the way");
  const system::Path kept = folder_ / "kept";
  const Result<> joined = join_rotated_log(log_, kept);
  ASSERT_FALSE(joined);
  EXPECT_NE(joined.error().message.find("only its newest part"), std::string::npos);
  EXPECT_EQ(system::read_file(kept).value(), "45");
  EXPECT_FALSE(std::filesystem::exists(log_));
  EXPECT_FALSE(std::filesystem::exists(older_part(log_)));
}

TEST_F(RotatedLogTest, AnOlderPartAloneIsKept) {
  write("0123");
  std::filesystem::rename(log_, older_part(log_));
  const system::Path kept = folder_ / "kept";
  ASSERT_TRUE(join_rotated_log(log_, kept));
  EXPECT_EQ(system::read_file(kept).value(), "0123");
}

TEST_F(RotatedLogTest, WhoReadsItWhileItIsJoinedReadsNothingTwice) {
  ASSERT_TRUE(begin_rotated_log(log_));
  write("0123");
  rotate();
  write("45");
  std::uint64_t offset = 4;
  Result<RotatedLog> log = RotatedLog::open(log_, true, offset);
  ASSERT_TRUE(log);
  EXPECT_EQ(rest(*log, offset), "45");
  std::filesystem::rename(log_, log_.native() + ".whole");  // the joining's last step but one
  EXPECT_EQ(rest(*log, offset), "");
  EXPECT_EQ(offset, 6U);
}

TEST_F(RotatedLogTest, ManyPartsAreOneLogAndTheOldestGoes) {
  ASSERT_TRUE(begin_rotated_log(log_));
  std::uint64_t offset = 0;
  Result<RotatedLog> log = RotatedLog::open(log_, true, offset);
  ASSERT_TRUE(log);
  for (const char* text : {"0123", "4567", "89ab", "cdef"}) {
    write(text);
    ASSERT_TRUE(turn_rotated_log(log_, {3, 4}));
  }
  write("gh");
  EXPECT_FALSE(std::filesystem::exists(older_part(log_, 4)));
  EXPECT_EQ(all(6), "6789abcdefgh") << "in the order they were written";
  EXPECT_EQ(all(13), "defgh");
  EXPECT_EQ(rest(*log, offset), "0123456789abcdefgh") << "who had the oldest open has it still";
  if (has_marks()) {
    std::uint64_t first = 0;
    Result<RotatedLog> later = RotatedLog::open(log_, true, first);
    ASSERT_TRUE(later);
    EXPECT_EQ(rest(*later, first), "456789abcdefgh");
    EXPECT_EQ(first, 18U);
  }
}

TEST_F(RotatedLogTest, FewerFilesThanBeforeTakeTheRestAway) {
  ASSERT_TRUE(begin_rotated_log(log_));
  for (const char* text : {"0123", "4567", "89ab"}) {
    write(text);
    ASSERT_TRUE(turn_rotated_log(log_, {3, 5}));
  }
  write("cdef");
  ASSERT_TRUE(turn_rotated_log(log_, {3, 2}));
  EXPECT_TRUE(std::filesystem::exists(older_part(log_)));
  EXPECT_FALSE(std::filesystem::exists(older_part(log_, 2)));
  EXPECT_EQ(all(0), "cdef");
}

TEST_F(RotatedLogTest, ACrashAmidstATurnLosesNothing) {
  ASSERT_TRUE(begin_rotated_log(log_));
  for (const char* text : {"0123", "4567"}) {
    write(text);
    ASSERT_TRUE(turn_rotated_log(log_, {3, 5}));
  }
  write("89ab");
  std::filesystem::rename(older_part(log_, 2), older_part(log_, 3));
  EXPECT_EQ(all(0), "0123456789ab");
  std::filesystem::rename(older_part(log_, 1), older_part(log_, 2));
  EXPECT_EQ(all(0), "0123456789ab");
  ASSERT_TRUE(turn_rotated_log(log_, {3, 5}));
  write("cd");
  EXPECT_EQ(all(0), "0123456789abcd");
  EXPECT_FALSE(std::filesystem::exists(older_part(log_, 4)));
}

TEST_F(RotatedLogTest, ItsWriterMayBeToldLaterThatItWasSetAside) {
  ASSERT_TRUE(begin_rotated_log(log_));
  std::ofstream writer(log_, std::ios::app);
  writer << "0123" << std::flush;
  std::uint64_t offset = 0;
  Result<RotatedLog> log = RotatedLog::open(log_, true, offset);
  ASSERT_TRUE(log);
  EXPECT_TRUE(set_aside_full_log(log_, {3, 3}).value());
  EXPECT_EQ(rest(*log, offset), "0123");
  writer << "45" << std::flush;
  EXPECT_FALSE(set_aside_full_log(log_, {3, 3}).value()) << "there is none now";
  EXPECT_EQ(rest(*log, offset), "45") << "what comes before it is told is no part's yet";
  EXPECT_EQ(all(0), "012345");
  writer << "6" << std::flush;
  write("78");
  EXPECT_EQ(rest(*log, offset), "678");
  EXPECT_EQ(all(5), "5678");
}

TEST_F(RotatedLogTest, AllPartsAreJoined) {
  ASSERT_TRUE(begin_rotated_log(log_));
  for (const char* text : {"0123", "4567", "89ab"}) {
    write(text);
    ASSERT_TRUE(turn_rotated_log(log_, {3, 3}));
  }
  write("cd");
  std::uint64_t offset = 5;
  Result<RotatedLog> log = RotatedLog::open(log_, true, offset);
  ASSERT_TRUE(log);
  const system::Path kept = folder_ / "kept";
  ASSERT_TRUE(join_rotated_log(log_, kept));
  EXPECT_EQ(system::read_file(kept).value(), "456789abcd");
  for (const std::uint64_t age : {1U, 2U}) {
    EXPECT_FALSE(std::filesystem::exists(older_part(log_, age)));
  }
  EXPECT_FALSE(std::filesystem::exists(log_));
  EXPECT_EQ(rest(*log, offset), "567") << "the others have no name any more";
  std::uint64_t after = offset;
  Result<RotatedLog> rest_of_it = RotatedLog::open(kept, true, after);
  ASSERT_TRUE(rest_of_it);
  if (has_marks()) {
    EXPECT_EQ(rest(*rest_of_it, after), "89abcd");
  }
}

TEST_F(RotatedLogTest, AFileThatOnlyGrowsIsReadAsItIs) {
  write("0123");
  std::ofstream(older_part(log_)) << "of somebody else";
  EXPECT_EQ(all(1, false), "123");
}

}  // namespace
}  // namespace drover::runtimes
