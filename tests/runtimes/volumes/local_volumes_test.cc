#include "runtimes/volumes/local_volumes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

class LocalVolumesTest : public testing::Test {
 protected:
  static mode_t mode_of(const Path& path) {
    struct stat found {};
    EXPECT_EQ(stat(path.c_str(), &found), 0) << path;
    return found.st_mode & 07777;
  }

  fakes::TempFolder folder_;
  Layout layout_{folder_ / "state", folder_ / "run"};
  LocalVolumes volumes_{layout_};
  system::Stop stop_;
  const ContainerName name_ = ContainerName::parse("web-1").value();
  const JobId job_ = JobId::parse("job.1").value();
  const VolumeSpec spec_{"data", "/data", "local-folder", 8, false};
};

TEST_F(LocalVolumesTest, MakesAFolderAndFindsIt) {
  EXPECT_EQ(volumes_.find(name_, job_, spec_, stop_).error().code, Code::not_found);
  const auto made = volumes_.allocate(name_, job_, spec_, stop_);
  ASSERT_TRUE(made) << to_text(made.error());
  EXPECT_EQ(made->kind, VolumeKind::folder);
  EXPECT_EQ(made->path, layout_.local_volumes() / "web-1.data.job.1");
  EXPECT_TRUE(std::filesystem::is_directory(made->path));
  EXPECT_EQ(mode_of(layout_.local_volumes()), 0700U);
  EXPECT_EQ(mode_of(made->path), 0755U);
  const auto found = volumes_.find(name_, job_, spec_, stop_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, made->path);
}

TEST_F(LocalVolumesTest, AllocatingAgainKeepsWhatIsInside) {
  const auto made = volumes_.allocate(name_, job_, spec_, stop_);
  ASSERT_TRUE(made);
  std::ofstream(made->path / "kept") << "x";
  ASSERT_TRUE(volumes_.allocate(name_, job_, spec_, stop_));
  EXPECT_TRUE(std::filesystem::exists(made->path / "kept"));
}

TEST_F(LocalVolumesTest, AnotherJobsVolumeIsAnotherOne) {
  const auto made = volumes_.allocate(name_, job_, spec_, stop_);
  ASSERT_TRUE(made);
  const auto other = volumes_.find(name_, JobId::parse("job.2").value(), spec_, stop_);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::not_found);
}

TEST_F(LocalVolumesTest, ASymlinkInItsPlaceIsNoVolume) {
  std::filesystem::create_directories(layout_.local_volumes());
  std::filesystem::create_symlink("/", layout_.local_volumes() / "web-1.data.job.1");
  EXPECT_EQ(volumes_.find(name_, job_, spec_, stop_).error().code, Code::not_found);
}

TEST_F(LocalVolumesTest, ReleasingRemovesItAndAgainIsSuccess) {
  const auto made = volumes_.allocate(name_, job_, spec_, stop_);
  ASSERT_TRUE(made);
  std::filesystem::create_directories(made->path / "a/b");
  std::filesystem::create_symlink(folder_.path(), made->path / "out");
  ASSERT_TRUE(volumes_.release(*made, stop_));
  EXPECT_FALSE(std::filesystem::exists(made->path));
  EXPECT_TRUE(std::filesystem::exists(layout_.local_volumes()));
  EXPECT_TRUE(volumes_.release(*made, stop_));
}

TEST_F(LocalVolumesTest, ReleasesNothingElsewhere) {
  std::filesystem::create_directories(layout_.local_volumes() / "a/b");
  for (const Path& path :
       {Path("/etc"), layout_.state, layout_.local_volumes(), layout_.local_volumes() / "..",
        layout_.local_volumes() / "a/b", layout_.local_volumes() / "."}) {
    const auto released = volumes_.release(Volume{"x", "local-folder", "x", path}, stop_);
    ASSERT_FALSE(released) << path;
    EXPECT_EQ(released.error().code, Code::refused);
  }
  EXPECT_TRUE(std::filesystem::exists(layout_.local_volumes() / "a/b"));
}

TEST_F(LocalVolumesTest, AStopEndsItBeforeAnythingIsMade) {
  stop_.request();
  EXPECT_EQ(volumes_.allocate(name_, job_, spec_, stop_).error().code, Code::cancelled);
  EXPECT_FALSE(std::filesystem::exists(layout_.local_volumes()));
}

TEST_F(LocalVolumesTest, TheInventoryTellsWhoseTheyAreAndNamesNothingElse) {
  EXPECT_TRUE(volumes_.inventory(stop_).value().volumes.empty()) << "there is no folder yet";
  const Volume made = volumes_.allocate(name_, job_, spec_, stop_).value();
  for (const char* other : {"README", "web.data", "Web.data.j1", "web..j1", ".data.j1"}) {
    std::filesystem::create_directories(layout_.local_volumes() / other);
  }
  const std::vector<FoundVolume> found = volumes_.inventory(stop_).value().volumes;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().id, made.id);
  EXPECT_EQ(found.front().container, "web-1");
  EXPECT_EQ(found.front().job, "job.1");
  ASSERT_TRUE(volumes_.release_found(found.front(), stop_));
  EXPECT_FALSE(std::filesystem::exists(made.path));
  EXPECT_EQ(volumes_.release_found({"local-folder", "/etc", "", ""}, stop_).error().code,
            Code::refused);
}

}  // namespace
}  // namespace drover::runtimes
