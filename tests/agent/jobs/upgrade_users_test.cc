// container.upgrade of a container with users of its own: its roots are theirs, the new and the
// old.
#include <sys/stat.h>
#include <unistd.h>

#include "runtimes/user_view.h"
#include "runtimes/volumes/volume.h"
#include "upgrade_fixture.h"

namespace drover::jobs {
namespace {

class UpgradeOwnUsers : public UpgradeTest {
 protected:
  static uid_t owner_of(const std::filesystem::path& path) {
    struct stat facts {};
    return stat(path.c_str(), &facts) == 0 ? facts.st_uid : uid_t(-1);
  }
};

TEST_F(UpgradeOwnUsers, HaveTheNewRootAsTheirsAndTheOldOneAgain) {
  make("container.run", true);
  const runtimes::Container before = record().container;
  ASSERT_NE(before.users, 0U);
  const auto seen = [&](const std::string& file) { return owner_of(before.rootfs / file); };
  const auto write_as_users = [&](const std::string& file) {
    write_inside(file);
    ASSERT_EQ(chown(inside(file).c_str(), before.users + 7, before.users + 7), 0);
  };
  write_as_users("mine");
  ASSERT_EQ(run(to("j2", "v2")).state, JobState::succeeded) << journal_->job("j2").value()->result;
  EXPECT_EQ(motd(), "v2");
  EXPECT_FALSE(is_inside("mine"));
  EXPECT_EQ(record().container.users, before.users);
  EXPECT_EQ(record().container.rootfs, before.rootfs);
  EXPECT_EQ(seen(""), before.users);
  EXPECT_EQ(seen("etc/motd"), before.users);
  EXPECT_EQ(system::read_file(before.rootfs / "etc/motd").value_or(""), "v2") << "as it is shown";
  EXPECT_EQ(owner_of(before.mounts.at(0).source), before.users) << "its volume";
  write_as_users("newer");
  ASSERT_EQ(run(back("j3")).state, JobState::succeeded);
  EXPECT_EQ(motd(), "v1");
  EXPECT_EQ(seen("mine"), before.users + 7);
  EXPECT_FALSE(is_inside("newer"));
  // One that is taken back.
  runtime_.fail_next("start", Error{Code::broken, "no such program", {}});
  EXPECT_EQ(run(to("j4", "v3")).state, JobState::failed);
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(system::read_file(before.rootfs / "etc/motd").value_or(""), "v1");
  EXPECT_EQ(seen("mine"), before.users + 7);
  run(job("rm", "container.delete", "web-1", {{"force", true}}));
  EXPECT_TRUE(leaves_nothing("web-1"));
}

TEST_F(UpgradeOwnUsers, OfOneThatDoesNotRunAreGivenItWhenItStarts) {
  make("container.create", true);
  const std::filesystem::path root = record().container.rootfs;
  ASSERT_EQ(run(to("j2", "v2")).state, JobState::succeeded) << journal_->job("j2").value()->result;
  EXPECT_EQ(status(), Status::created);
  EXPECT_EQ(system::read_file(root / "etc/motd").value_or(""), "v2");
  ASSERT_EQ(run(job("start", "container.start", "web-1")).state, JobState::succeeded);
  run(job("stop", "container.stop", "web-1"));
  // A reboot, and an upgrade before the container is started again.
  const ContainerName name = ContainerName::parse("web-1").value();
  ASSERT_TRUE(runtimes::remove_view(layout_, name));
  ASSERT_TRUE(runtimes::remove_own_users(layout_, name));
  const std::filesystem::path volume = layout_.volume_mount(name, "data");
  std::ofstream(volume / "kept") << "kept";
  ASSERT_TRUE(runtimes::unmount_volume(volume, system::Stop()));
  ASSERT_TRUE(images_->leave_root(name, system::Stop()));
  ASSERT_EQ(run(to("j3", "v3")).state, JobState::succeeded) << journal_->job("j3").value()->result;
  EXPECT_EQ(status(), Status::stopped);
  ASSERT_EQ(run(job("j4", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(system::read_file(root / "etc/motd").value_or(""), "v3");
  EXPECT_EQ(system::read_file(record().container.mounts.at(0).source / "kept").value_or(""),
            "kept");
}

}  // namespace
}  // namespace drover::jobs
