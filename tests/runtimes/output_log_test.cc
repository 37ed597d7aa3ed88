#include "runtimes/output_log.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "fakes/fake_clock.h"
#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

constexpr const char* kTime = "2027-01-15T08:00:00.000Z";

class OutputLogTest : public testing::Test {
 protected:
  OutputLog open() { return OutputLog::open(path_, clock_).value(); }
  std::string text() { return system::read_file(path_, 1U << 20).value(); }
  static std::string line(const std::string& rest) {
    return std::string(kTime) + " " + rest + "\n";
  }

  fakes::TempFolder folder_;
  system::Path path_ = folder_ / "jobs" / "log";
  fakes::FakeClock clock_;
};

TEST_F(OutputLogTest, LinesAreWrittenWhenTheyEnd) {
  OutputLog log = open();
  ASSERT_TRUE(log.write("stdout", "one\ntw"));
  ASSERT_TRUE(log.write("stderr", "bad\n"));
  EXPECT_EQ(text(), line("stdout F one") + line("stderr F bad"));
  ASSERT_TRUE(log.write("stdout", "o\n\n"));
  ASSERT_TRUE(log.finish());
  EXPECT_EQ(text(),
            line("stdout F one") + line("stderr F bad") + line("stdout F two") + line("stdout F "));
}

TEST_F(OutputLogTest, WhatIsLeftAtTheEndIsAPartOfALine) {
  OutputLog log = open();
  ASSERT_TRUE(log.write("stdout", "no end"));
  ASSERT_TRUE(log.write("stderr", "nor here"));
  EXPECT_EQ(text(), "");
  ASSERT_TRUE(log.finish());
  ASSERT_TRUE(log.finish());
  EXPECT_EQ(text(), line("stdout P no end") + line("stderr P nor here"));
}

TEST_F(OutputLogTest, ALineWithoutEndDoesNotGrowInMemory) {
  OutputLog log = open();
  const std::string half(8 * 1024, 'x');
  ASSERT_TRUE(log.write("stdout", half));
  EXPECT_EQ(text(), "");
  ASSERT_TRUE(log.write("stdout", half));
  EXPECT_EQ(text(), line("stdout P " + half + half));
  ASSERT_TRUE(log.write("stdout", "rest\n"));
  EXPECT_EQ(text(), line("stdout P " + half + half) + line("stdout F rest"));
}

TEST_F(OutputLogTest, OpeningEmptiesAndAppendingDoesNot) {
  ASSERT_TRUE(open().write("stdout", "first\n"));
  ASSERT_TRUE(OutputLog::append(path_, clock_, {}).value().write("stdout", "second\n"));
  EXPECT_EQ(text(), line("stdout F first") + line("stdout F second"));
  open();
  EXPECT_EQ(text(), "");
  struct stat found {};
  ASSERT_EQ(stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
}

TEST_F(OutputLogTest, WhatALossOfPowerHasTornTakesNoOtherRecordWithIt) {
  {
    OutputLog log = open();
    ASSERT_TRUE(log.write("stdout", "before\n"));
  }
  for (const std::string& torn : {std::string(kTime).substr(0, 9), std::string(3, '\0')}) {
    const std::string before = text();
    ASSERT_TRUE(system::write_atomically(path_, before + torn, 0600));
    OutputLog log = OutputLog::append(path_, clock_, {}).value();
    ASSERT_TRUE(log.write("stdout", "after\n"));
    EXPECT_EQ(text(), before + torn + "\n" + line("stdout F after"));
  }
  const std::string whole = text();
  ASSERT_TRUE(OutputLog::append(path_, clock_, {}));
  EXPECT_EQ(text(), whole) << "nothing is torn";
}

TEST_F(OutputLogTest, ALinkInItsPlaceIsNotFollowed) {
  std::filesystem::create_directories(path_.parent_path());
  std::filesystem::create_symlink(folder_ / "elsewhere", path_);
  EXPECT_FALSE(OutputLog::open(path_, clock_));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "elsewhere"));
}

/// Stands in for a full disk: files of this process can have no more bytes.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit less{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &less);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_F(OutputLogTest, WhatAFullDiskDoesNotTakeIsLostAndTheNextLineIsWhole) {
  OutputLog log = open();
  ASSERT_TRUE(log.write("stdout", "first\n"));
  {
    const FullDisk full(line("stdout F first").size() + 10);
    EXPECT_FALSE(log.write("stdout", "torn\nlost\n"));
    EXPECT_FALSE(log.write("stdout", "lost, too\n"));
  }
  ASSERT_TRUE(log.write("stdout", "last\n"));
  EXPECT_EQ(text(), line("stdout F first") + std::string(kTime).substr(0, 10) + "\n" +
                        line("stdout F last"));
}

}  // namespace
}  // namespace drover::runtimes
