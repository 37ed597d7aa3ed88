// Snapshots of roots, with real overlays and a runtime in memory.
#include "runtimes/root_snapshots.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "fakes/fake_runtime.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "runtimes/images/image_store.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

using fakes::FakeRuntime;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string text_of(const Path& file) {
  return system::read_file(file).value_or("(none)");
}

class RootSnapshotsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "image/etc");
    std::ofstream(folder_ / "image/etc/motd") << "image";
    std::ofstream(folder_ / "image/etc/gone") << "image";
    web_.lower = folder_ / "image";
    mount();
    ASSERT_TRUE(runtime_.create(web_, never_));
  }
  void TearDown() override { EXPECT_TRUE(images_.unmount_root(web_.name, never_)); }

  void mount() { ASSERT_TRUE(images_.mount_root(web_.name, web_.lower)); }
  void start() { ASSERT_TRUE(runtime_.start(web_, never_)); }
  Path root() const { return layout_.rootfs(web_.name); }
  Path all() const { return layout_.snapshots(web_.name); }
  Result<> take(const std::string& name, const std::string& job = "j2") {
    return snapshots_.take_snapshot(web_, name, JobId::parse(job).value(), never_);
  }
  bool has_taken(const std::string& name, const std::string& job) {
    return snapshots_.has_taken(web_, name, JobId::parse(job).value(), never_).value();
  }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    const auto all = snapshots_.list_snapshots(web_, never_).value();
    for (const Snapshot& one : all) {
      found.push_back(one.name);
    }
    return found;
  }
  Status status() { return runtime_.state(web_, never_).value().status; }
  /// What an agent's end has left in the middle.
  std::vector<std::string> halves() {
    std::vector<std::string> found;
    for (const Path& one : system::children_of(all())) {
      if (one.filename().native().starts_with('.')) {
        found.push_back(one.filename());
      }
    }
    return found;
  }

  const fakes::TempFolder folder_;
  const Layout layout_ = layout_in(folder_);
  ImageStore images_{layout_};
  FakeRuntime runtime_;
  RootSnapshots snapshots_{runtime_, layout_};
  const Stop never_;
  Container web_{ContainerName::parse("web-1").value(),
                 JobId::parse("j1").value(),
                 RuntimeKind::runc,
                 {},
                 {},
                 {},
                 {},
                 {},
                 {}};

 private:
  static Layout layout_in(const fakes::TempFolder& folder) {
    Layout layout;
    layout.state = folder / "state";
    layout.run = folder / "run";
    return layout;
  }
};

TEST_F(RootSnapshotsTest, ARollbackBringsBackFilesAndWhatAnOverlayMakesOfThem) {
  start();
  std::ofstream(root() / "etc/motd") << "changed";
  std::filesystem::remove(root() / "etc/gone");
  std::ofstream(root() / "linked") << "one";
  std::filesystem::create_hard_link(root() / "linked", root() / "link");
  ASSERT_EQ(::chown((root() / "linked").c_str(), 1033, 1034), 0);
  ASSERT_EQ(::chmod((root() / "linked").c_str(), 04711), 0);
  ASSERT_EQ(::setxattr((root() / "linked").c_str(), "trusted.mark", "yes", 3, 0), 0);
  const auto taken = take("before");
  ASSERT_TRUE(taken) << to_text(taken.error());
  EXPECT_EQ(status(), Status::running);

  std::ofstream(root() / "etc/motd") << "later";
  std::ofstream(root() / "etc/gone") << "back";
  std::filesystem::remove(root() / "linked");
  std::ofstream(root() / "new") << "later";
  const auto ended = snapshots_.roll_back(web_, "before", never_);
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_EQ((*ended)->code, 137);
  EXPECT_FALSE(is_mounted(root()).value()) << "whoever starts it mounts it";

  mount();
  EXPECT_EQ(text_of(root() / "etc/motd"), "changed");
  EXPECT_FALSE(std::filesystem::exists(root() / "etc/gone"));
  EXPECT_FALSE(std::filesystem::exists(root() / "new"));
  struct stat one {};
  struct stat other {};
  ASSERT_EQ(::stat((root() / "linked").c_str(), &one), 0);
  ASSERT_EQ(::stat((root() / "link").c_str(), &other), 0);
  EXPECT_EQ(one.st_ino, other.st_ino);
  EXPECT_EQ(one.st_uid, 1033U);
  EXPECT_EQ(one.st_gid, 1034U);
  EXPECT_EQ(one.st_mode & 07777U, 04711U);
  std::array<char, 8> mark{};
  EXPECT_EQ(::getxattr((root() / "linked").c_str(), "trusted.mark", mark.data(), mark.size()), 3);
  EXPECT_THAT(halves(), IsEmpty());

  // It is there for another time, untouched by what is written since.
  std::ofstream(root() / "etc/motd") << "later still";
  ASSERT_TRUE(snapshots_.roll_back(web_, "before", never_));
  mount();
  EXPECT_EQ(text_of(root() / "etc/motd"), "changed");
}

TEST_F(RootSnapshotsTest, AreListedWithWhereTheyComeFrom) {
  start();
  ASSERT_TRUE(take("one"));
  ASSERT_TRUE(take("two"));
  ASSERT_TRUE(runtime_.stop(web_, SIGTERM, std::chrono::milliseconds(0), never_));
  ASSERT_TRUE(snapshots_.roll_back(web_, "one", never_));
  mount();
  ASSERT_TRUE(take("three")) << "of one that is stopped";
  const auto found = snapshots_.list_snapshots(web_, never_).value();
  ASSERT_THAT(names(), ElementsAre("one", "two", "three"));
  EXPECT_EQ(found[1].parent, "one");
  EXPECT_EQ(found[2].parent, "one");
  EXPECT_TRUE(found[2].newest);
  EXPECT_FALSE(found[1].newest);
  ASSERT_TRUE(snapshots_.remove_snapshot(web_, "one", never_));
  ASSERT_TRUE(snapshots_.remove_snapshot(web_, "one", never_)) << "twice is the same";
  EXPECT_THAT(names(), ElementsAre("two", "three"));
  EXPECT_EQ(snapshots_.list_snapshots(web_, never_).value()[0].parent, "");
  EXPECT_EQ(snapshots_.roll_back(web_, "one", never_).error().code, Code::not_found);
}

TEST_F(RootSnapshotsTest, OneThatIsTakenWithTheNameOfOneThatIsGoneComesFromThatOneNoMore) {
  start();
  ASSERT_TRUE(take("one"));
  ASSERT_TRUE(take("two"));
  ASSERT_TRUE(snapshots_.remove_snapshot(web_, "two", never_));
  EXPECT_TRUE(snapshots_.list_snapshots(web_, never_).value()[0].newest) << "as before";
  ASSERT_TRUE(take("two"));
  ASSERT_TRUE(snapshots_.remove_snapshot(web_, "one", never_));
  ASSERT_TRUE(take("one"));
  const auto found = snapshots_.list_snapshots(web_, never_).value();
  ASSERT_EQ(names(), (std::vector<std::string>{"two", "one"}));
  EXPECT_EQ(found[0].parent, "");
  EXPECT_EQ(found[1].parent, "two");
}

TEST_F(RootSnapshotsTest, OneThatTheDiskHasNoRoomForLeavesTheDiskToOthers) {
  start();
  ASSERT_TRUE(system::make_folders(all()));
  ASSERT_EQ(::mount("tmpfs", all().c_str(), "tmpfs", 0, "size=1m"), 0);
  std::ofstream(root() / "large") << std::string(3U << 20U, 'x');
  const auto taken = take("one");
  EXPECT_EQ(::umount(all().c_str()), 0);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::unavailable);
  EXPECT_THAT(taken.error().message, HasSubstr(" MiB, and the disk has 0 MiB left"));
  EXPECT_EQ(status(), Status::running);
}

TEST_F(RootSnapshotsTest, AreFoundByTheirJob) {
  ASSERT_TRUE(take("one", "j2"));
  ASSERT_TRUE(take("one", "j2")) << "this very job has taken it";
  EXPECT_EQ(take("one", "j3").error().code, Code::conflict);
  EXPECT_TRUE(has_taken("one", "j2"));
  EXPECT_FALSE(has_taken("one", "j3"));
  EXPECT_FALSE(has_taken("two", "j2"));
}

TEST_F(RootSnapshotsTest, OneThatIsPausedStaysSo) {
  start();
  ASSERT_TRUE(runtime_.pause(web_, never_));
  ASSERT_TRUE(take("one"));
  EXPECT_EQ(status(), Status::paused);
}

/// A start that failed, perhaps because of what its program has done to its root, leaves it so.
TEST_F(RootSnapshotsTest, ARollbackOfWhatWasMadeAndNotStartedBringsBackItsFiles) {
  start();
  ASSERT_TRUE(take("one"));
  std::ofstream(root() / "etc/motd") << "spoiled";
  ASSERT_TRUE(runtime_.stop(web_, SIGKILL, std::chrono::milliseconds(0), never_));
  ASSERT_TRUE(runtime_.remove(web_, false, never_));
  ASSERT_TRUE(runtime_.create(web_, never_));
  const auto ended = snapshots_.roll_back(web_, "one", never_);
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_FALSE(*ended);
  EXPECT_FALSE(runtime_.has("web-1")) << "it was made with that root";
  mount();
  EXPECT_EQ(text_of(root() / "etc/motd"), "image");
}

TEST_F(RootSnapshotsTest, OneThatFailsGivesBackItsRoomAndLetsTheProgramGoOn) {
  start();
  ASSERT_TRUE(take("one"));
  ASSERT_TRUE(images_.leave_root(web_.name, never_));
  std::filesystem::rename(layout_.root_layers(web_.name, "") / "upper", folder_ / "aside");
  EXPECT_FALSE(take("two"));
  EXPECT_EQ(status(), Status::running);
  EXPECT_THAT(halves(), IsEmpty());
  EXPECT_THAT(names(), ElementsAre("one"));
  std::filesystem::rename(folder_ / "aside", layout_.root_layers(web_.name, "") / "upper");
}

TEST_F(RootSnapshotsTest, WhatAnAgentsEndHasLeftInTheMiddleIsClearedAwayByTheNextVerb) {
  start();
  // As it is while the root is copied.
  std::filesystem::create_directories(all() / ".new/upper/half");
  std::ofstream(all() / ".new/held") << "";
  std::ofstream(all() / ".new/snapshot.json") << R"({"name":"one","job":"j2"})";
  ASSERT_TRUE(runtime_.pause(web_, never_));
  EXPECT_THAT(names(), IsEmpty()) << "half of one is none";
  EXPECT_TRUE(has_taken("one", "j2"));
  EXPECT_FALSE(has_taken("one", "j3"));
  ASSERT_TRUE(snapshots_.remove_snapshot(web_, "one", never_)) << "the job is taken back";
  EXPECT_EQ(status(), Status::running);
  EXPECT_THAT(halves(), IsEmpty());
  // As it is when a rollback has exchanged them.
  ASSERT_TRUE(take("one"));
  std::filesystem::create_directories(all() / ".rollback/upper/old");
  ASSERT_TRUE(snapshots_.roll_back(web_, "one", never_));
  EXPECT_THAT(halves(), IsEmpty());
}

TEST_F(RootSnapshotsTest, OneOfAnotherImagesRootIsNoStateOfThisOne) {
  start();
  ASSERT_TRUE(take("one"));
  Container upgraded = web_;
  upgraded.lower = folder_ / "other";
  upgraded.layers = "j7";
  const auto rolled = snapshots_.roll_back(upgraded, "one", never_);
  ASSERT_FALSE(rolled);
  EXPECT_EQ(rolled.error().code, Code::conflict);
  EXPECT_THAT(rolled.error().message, HasSubstr("another image"));
  EXPECT_EQ(status(), Status::running) << "nothing was ended for it";
}

}  // namespace
}  // namespace drover::runtimes
