#include "agent/system/disk_space.h"

#include <gtest/gtest.h>

#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"

namespace drover::system {
namespace {

TEST(DiskSpaceTest, TellsWhatIsLeftAndCountsDown) {
  const fakes::TempFolder folder;
  ASSERT_EQ(mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=1m,nr_inodes=20"), 0);
  const Result<DiskSpace> empty = disk_space(folder.path());
  ASSERT_TRUE(empty) << to_text(empty.error());
  EXPECT_EQ(empty->free, std::uint64_t{1} << 20);
  ASSERT_TRUE(empty->files);
  ASSERT_TRUE(write_atomically(folder / "file", std::string(100'000, 'x')));
  const Result<DiskSpace> less = disk_space(folder / "file");
  ASSERT_TRUE(less);
  EXPECT_EQ(less->free, empty->free - 102'400);
  EXPECT_EQ(*less->files, *empty->files - 1);
  umount2(folder.path().c_str(), MNT_DETACH);
}

TEST(DiskSpaceTest, AFolderThatIsNotThereIsNotFound) {
  const Result<DiskSpace> missing = disk_space("/no/such/folder");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
}

}  // namespace
}  // namespace drover::system
