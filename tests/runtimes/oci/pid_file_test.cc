#include "runtimes/oci/pid_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/system/child.h"
#include "agent/system/process.h"
#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

class PidFile : public testing::Test {
 protected:
  void write(pid_t pid) { std::ofstream(file_) << pid << '\n'; }

  fakes::TempFolder folder_;
  const system::Path file_ = folder_ / "web-1";
};

TEST_F(PidFile, MeansTheProcessThatHadTheNumberWhenItWasKept) {
  write(getpid());
  ASSERT_TRUE(keep_start_time(file_));
  EXPECT_TRUE(open_in(file_).valid());
  // As if the one that was meant had ended, and this one got its number a moment later.
  const std::uint64_t start = system::start_time_of(getpid()).value();
  std::ofstream(start_file(file_)) << start - 1;
  EXPECT_FALSE(open_in(file_).valid());
}

TEST_F(PidFile, WithoutAStartTimeItMeansNoneThatIsYounger) {
  write(getpid());
  EXPECT_TRUE(open_in(file_).valid());
  std::filesystem::last_write_time(
      file_, std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * 365));
  EXPECT_FALSE(open_in(file_).valid());
}

TEST_F(PidFile, MeansNobodyOnceItHasEnded) {
  system::Child child = system::Child::start({"true"}).value();
  write(child.pid());
  ASSERT_TRUE(keep_start_time(file_));
  ASSERT_TRUE(child.wait(system::Stop()));
  EXPECT_FALSE(open_in(file_).valid());
  EXPECT_TRUE(keep_start_time(file_)) << "there is nothing to keep of it";
}

TEST_F(PidFile, WithoutANumberMeansNobody) {
  EXPECT_FALSE(open_in(file_).valid());
  for (const char* text : {"", "x", "-1", "0"}) {
    std::ofstream(file_) << text;
    EXPECT_EQ(pid_in(file_), 0) << text;
    EXPECT_FALSE(open_in(file_).valid()) << text;
  }
}

}  // namespace
}  // namespace drover::runtimes
