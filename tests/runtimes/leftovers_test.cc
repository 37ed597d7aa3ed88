#include "runtimes/leftovers.h"

#include <gmock/gmock.h>
#include <sys/mount.h>

#include <fstream>

#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class LeftoversTest : public testing::Test {
 protected:
  void folder(const Path& path) { std::filesystem::create_directories(path); }
  void file(const Path& path) {
    folder(path.parent_path());
    std::ofstream(path) << "1";
  }
  static std::vector<std::string> containers(const Result<std::vector<Leftover>>& found) {
    std::vector<std::string> names;
    for (const Leftover& leftover : found.value()) {
      names.push_back(leftover.container);
    }
    return names;
  }

  fakes::TempFolder folder_;
  Layout layout_{folder_ / "state", folder_ / "run"};
};

TEST_F(LeftoversTest, ANodeWithoutFoldersHasNone) {
  EXPECT_THAT(container_mounts(layout_).value(), IsEmpty());
  EXPECT_THAT(container_folders(layout_).value(), IsEmpty());
  EXPECT_THAT(exit_files(layout_).value(), IsEmpty());
  EXPECT_THAT(pid_files(layout_).value(), IsEmpty());
  EXPECT_THAT(job_logs(layout_).value(), IsEmpty());
}

TEST_F(LeftoversTest, FoldersAreNamedAsTheirContainers) {
  folder(layout_.containers() / "web-1");
  folder(layout_.containers() / "web-1.old");
  folder(layout_.containers() / "123");
  file(layout_.containers() / "web-2");
  folder(layout_.lxc() / "db");
  std::filesystem::create_directory_symlink("/etc", layout_.containers() / "link");
  EXPECT_THAT(containers(container_folders(layout_)), UnorderedElementsAre("web-1", "db"));
}

TEST_F(LeftoversTest, PidFilesGoOnBehindADot) {
  file(layout_.pids() / "web-1");
  file(layout_.pids() / "web-1.monitor");
  file(layout_.pids() / ".hidden");
  file(layout_.exits() / "web-1");
  EXPECT_THAT(containers(pid_files(layout_)), ElementsAre("web-1", "web-1"));
  EXPECT_THAT(containers(exit_files(layout_)), ElementsAre("web-1"));
}

TEST_F(LeftoversTest, MountsAreFoundTheDeepestFirstAlsoThroughASymlink) {
  Layout layout{folder_ / "linked", folder_ / "run"};
  folder(layout_.state);
  std::filesystem::create_directory_symlink(layout_.state, layout.state);
  const Path upper = layout_.containers() / "web-1/volumes/data";
  const Path elsewhere = folder_ / "elsewhere";
  for (const Path& target : {upper, upper / "below", elsewhere}) {
    folder(target);
    ASSERT_EQ(mount("tmpfs", target.c_str(), "tmpfs", 0, nullptr), 0);
  }
  const auto found = container_mounts(layout).value();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.at(0).path, upper / "below");
  EXPECT_EQ(found.at(1).path, upper);
  EXPECT_EQ(found.at(1).container, "web-1");
  for (const Path& target : {upper / "below", upper, elsewhere}) {
    umount2(target.c_str(), MNT_DETACH);
  }
}

TEST_F(LeftoversTest, LogsAreNamedAsTheirJobs) {
  folder(layout_.job_logs() / "0190-job.1");
  folder(layout_.job_logs() / ".hidden");
  EXPECT_THAT(job_logs(layout_).value(), ElementsAre("0190-job.1"));
}

}  // namespace
}  // namespace drover::runtimes
