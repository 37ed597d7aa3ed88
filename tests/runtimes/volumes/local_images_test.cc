#include "runtimes/volumes/local_images.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/system/child.h"
#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class LocalImagesTest : public testing::Test {
 protected:
  struct stat facts(const Volume& volume) {
    struct stat found {};
    EXPECT_EQ(stat(volume.path.c_str(), &found), 0) << volume.path;
    return found;
  }
  Volume allocated() { return volumes_.allocate(name_, job_, spec_, stop_).value(); }

  fakes::TempFolder folder_;
  Layout layout_ = [this] {
    Layout layout;
    layout.state = folder_ / "state";
    return layout;
  }();
  system::Stop stop_;
  LocalImages volumes_{layout_};
  const ContainerName name_ = *ContainerName::parse("web-1");
  const JobId job_ = *JobId::parse("job.1");
  const VolumeSpec spec_{"data", "/data", "local-image", 16, false};
};

TEST_F(LocalImagesTest, TheFileHasItsSizeAndAllItsBlocks) {
  const Volume volume = allocated();
  EXPECT_EQ(volume.kind, VolumeKind::image);
  EXPECT_EQ(facts(volume).st_size, off_t{16} << 20);
  EXPECT_GE(facts(volume).st_blocks * 512, off_t{16} << 20);
  EXPECT_EQ(facts(volume).st_mode & 07777, 0600U);
  EXPECT_EQ(volumes_.find(name_, job_, spec_, stop_)->id, volume.id);
  EXPECT_EQ(volumes_.find(name_, *JobId::parse("job.2"), spec_, stop_).error().code,
            Code::not_found);
}

TEST_F(LocalImagesTest, OneThatWasOnlyBegunIsNotTakenForMade) {
  const Volume volume = allocated();
  std::filesystem::resize_file(volume.path, 4096);
  EXPECT_EQ(volumes_.find(name_, job_, spec_, stop_).error().code, Code::not_found);
  EXPECT_EQ(facts(allocated()).st_size, off_t{16} << 20);
}

TEST_F(LocalImagesTest, GrowsAndKeepsWhatIsInIt) {
  const Volume volume = allocated();
  ASSERT_TRUE(format_volume(volume, stop_));
  ASSERT_TRUE(volumes_.grow(volume, 32, stop_));
  ASSERT_TRUE(volumes_.grow(volume, 32, stop_));
  EXPECT_EQ(facts(volume).st_size, off_t{32} << 20);
  ASSERT_TRUE(grow_file_system(volume, folder_ / "lock", stop_));
  ASSERT_TRUE(grow_file_system(volume, folder_ / "lock", stop_));
  const std::string found =
      system::run_ok({"blkid", "-p", "-s", "TYPE", "-o", "value", volume.path.native()}, stop_)
          .value();
  EXPECT_EQ(found, "ext4\n");
}

TEST_F(LocalImagesTest, MoreThanTheDiskHasIsUnavailableAndLeavesNothing) {
  VolumeSpec huge = spec_;
  huge.size_mib = std::uint64_t{1} << 23;  // 8 TiB: a file may be so large, no disk here is
  const auto made = volumes_.allocate(name_, job_, huge, stop_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::unavailable) << made.error().message;
  EXPECT_TRUE(std::filesystem::is_empty(layout_.local_volumes()));
  huge.size_mib = 0;
  EXPECT_EQ(volumes_.allocate(name_, job_, huge, stop_).error().code, Code::invalid);
}

TEST_F(LocalImagesTest, ReleasesItsOwnOnly) {
  const Volume volume = allocated();
  ASSERT_TRUE(volumes_.release(volume, stop_));
  EXPECT_TRUE(volumes_.release(volume, stop_));
  const Path other = folder_ / "image_other";
  std::ofstream(other) << "somebody's";
  EXPECT_EQ(
      volumes_.release({"x", "local-image", "x", other, VolumeKind::image}, stop_).error().code,
      Code::refused);
  EXPECT_TRUE(std::filesystem::exists(other));
}

}  // namespace
}  // namespace drover::runtimes
