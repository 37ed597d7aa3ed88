#include "runtimes/images/disk_usage.h"

#include <gtest/gtest.h>

#include <fstream>

#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

TEST(DiskUsage, CountsBlocksAndAFileOfTwoNamesOnce) {
  const fakes::TempFolder folder;
  EXPECT_EQ(disk_usage(folder / "nothing"), 0U);
  std::filesystem::create_directories(folder / "a/b");
  const std::uint64_t empty = disk_usage(folder.path());
  std::ofstream(folder / "a/b/file") << std::string(100'000, 'x');
  const std::uint64_t one = disk_usage(folder.path()) - empty;
  EXPECT_GE(one, 100'000U);
  EXPECT_LT(one, 200'000U);
  std::filesystem::create_hard_link(folder / "a/b/file", folder / "a/same");
  std::filesystem::create_directory_symlink(folder / "a", folder / "a/b/loop");
  EXPECT_LT(disk_usage(folder.path()) - empty, 2 * one);
}

}  // namespace
}  // namespace drover::runtimes
