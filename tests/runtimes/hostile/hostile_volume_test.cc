// Links of an image, a volume or a container on the way to where a volume shall stand: whoever
// makes folders and mounts there must stay inside the root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostile_node.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class HostileVolumeTest : public HostileNode {
 protected:
  /// Its program finds the volume, and nothing of the node has changed.
  void expect_volume_inside() {
    mount_root();
    watch();
    const auto ended = run();
    expect_node_untouched();
    ASSERT_TRUE(ended) << to_text(ended.error());
    EXPECT_THAT(log(), HasSubstr("content of volume"));
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, HostileVolumeTest, kHostileKinds,
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

TEST_P(HostileVolumeTest, AVolumeBelowALinkToTheRootMakesNoFolderOnTheNode) {
  link("/", "data");
  const std::string target = "/data/" + container_.name.str();
  container_.mounts = {{folder_ / "volume", target, false}};
  container_.spec.command = {"cat", target + "/mark"};
  expect_volume_inside();
}

TEST_P(HostileVolumeTest, AVolumeBelowAnAbsoluteLinkStandsInsideTheRoot) {
  link(victim_, "data");
  have_inside(victim_);
  container_.mounts = {{folder_ / "volume", "/data/new/one", false}};
  container_.spec.command = {"cat", victim_ / "new/one/mark"};
  expect_volume_inside();
}

TEST_P(HostileVolumeTest, AVolumeBelowALinkUpwardsStandsInsideTheRoot) {
  link(up_to(victim_), "srv/data");
  have_inside(victim_);
  container_.mounts = {{folder_ / "volume", "/srv/data/new/one", false}};
  container_.spec.command = {"cat", victim_ / "new/one/mark"};
  expect_volume_inside();
}

TEST_P(HostileVolumeTest, AVolumeBelowAChainOfLinksStandsInsideTheRoot) {
  link("/second", "first");
  link("third/..", "second");
  link(up_to(victim_ / "below"), "third");
  container_.mounts = {{folder_ / "volume", "/first/new", false}};
  container_.spec.command = {"cat", victim_ / "new/mark"};
  have_inside(victim_ / "below");
  expect_volume_inside();
}

TEST_P(HostileVolumeTest, AVolumeAtALinkOutOfTheRootIsNotMountedOnTheNode) {
  link(victim_ / "below", "data");
  container_.mounts = {{folder_ / "volume", "/data", false}};
  container_.spec.command = {"cat", "/data/mark"};
  mount_root();
  watch();
  const auto ended = run();
  expect_node_untouched();
  if (ended) {
    EXPECT_THAT(log(), HasSubstr("content of volume"));
  }
}

/// Files that the node writes, which stand where the image says (name_files.h).
TEST_P(HostileVolumeTest, AFileAtALinkStandsInsideTheRootOrNowhere) {
  std::ofstream(folder_ / "volume/resolv.conf") << "content of volume\n";
  for (const std::string& where : {(victim_ / "secret").native(), (victim_ / "new").native(),
                                   up_to(victim_ / "secret"), std::string("/run/new")}) {
    renew_root();
    std::filesystem::create_directory(root_ / "etc");
    link(where, "etc/resolv.conf");
    have_inside(victim_);
    container_.mounts = {{folder_ / "volume/resolv.conf", "/etc/resolv.conf", false}};
    container_.spec.command = {"cat", "/etc/resolv.conf"};
    mount_root();
    watch();
    const auto ended = run();
    expect_node_untouched();
    if (ended) {
      EXPECT_THAT(log(), HasSubstr("content of volume")) << where;
    }
    clean_up();
  }
}

TEST_P(HostileVolumeTest, AFileAtALinkOutOfTheRootIsNotMountedOnTheNode) {
  link(victim_ / "secret", "etc/config");
  link(victim_ / "made", "etc/other");
  have_inside(victim_);
  container_.mounts = {{folder_ / "volume/mark", "/etc/config", true},
                       {folder_ / "volume/mark", "/etc/other", true}};
  mount_root();
  watch();
  [[maybe_unused]] const auto ended = run();
  expect_node_untouched();
}

TEST_P(HostileVolumeTest, AVolumeBelowALinkOfProcIsRefused) {
  link("/proc/self/root" + victim_.native(), "data");
  container_.mounts = {{folder_ / "volume", "/data/new", false}};
  mount_root();
  watch();
  [[maybe_unused]] const auto ended = run();
  expect_node_untouched();
}

TEST_P(HostileVolumeTest, AVolumeThatALinkLeadsIntoTheKernelsFoldersFailsTheStart) {
  for (const char* where : {"/proc", "/proc/sys/kernel", "/sys/fs/cgroup"}) {
    renew_root();
    link(where, "data");
    container_.mounts = {{folder_ / "volume", "/data", false}};
    mount_root();
    watch();
    const auto ended = run();
    expect_node_untouched();
    // Below /sys runc and crun mount it: inside, and nowhere else.
    if (GetParam() == RuntimeKind::lxc) {
      ASSERT_FALSE(ended) << where;
      EXPECT_THAT(ended.error().message, HasSubstr("volume at /data: it leads into /"));
    }
    clean_up();
  }
}

TEST_P(HostileVolumeTest, AVolumeAtAFileOrALinkToItselfFailsTheStart) {
  for (const char* target : {"/file", "/file/below", "/loop", "/loop/below"}) {
    renew_root();
    std::ofstream(root_ / "file") << "content of the image\n";
    link("loop", "loop");
    container_.mounts = {{folder_ / "volume", target, false}};
    mount_root();
    watch();
    const auto ended = run();
    expect_node_untouched();
    ASSERT_FALSE(ended) << target;
    if (GetParam() == RuntimeKind::lxc) {
      EXPECT_THAT(ended.error().message, HasSubstr(fmt::format("volume at {}: ", target)));
    }
    EXPECT_EQ(system::read_file(root_ / "file").value_or(""), "content of the image\n");
    clean_up();
  }
}

TEST_P(HostileVolumeTest, AVolumesOwnLinksLeadNoOtherVolumeOutOfTheRoot) {
  std::filesystem::create_symlink(victim_, folder_ / "volume/sub");
  std::filesystem::create_symlink("/", folder_ / "volume/top");
  have_inside(victim_);
  const std::string name = container_.name.str();
  container_.mounts = {{folder_ / "volume", "/data", false},
                       {folder_ / "other", "/data/sub/new", false},
                       {folder_ / "other", "/data/top/" + name, false}};
  container_.spec.command = {"cat", victim_ / "new/mark", "/" + name + "/mark"};
  mount_root();
  watch();
  const auto ended = run();
  expect_node_untouched();
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_THAT(log(), HasSubstr("content of other"));
}

TEST_P(HostileVolumeTest, AVolumeInAVolumeStandsInIt) {
  container_.mounts = {{folder_ / "volume", "/data", false},
                       {folder_ / "other", "/data/in/it", true}};
  container_.spec.command = {
      "sh", "-c", "cat /data/mark /data/in/it/mark; touch /data/new; touch /data/in/it/x"};
  mount_root();
  const auto ended = run();
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_THAT(log(), HasSubstr("content of volume"));
  EXPECT_THAT(log(), HasSubstr("content of other"));
  EXPECT_THAT(log(), HasSubstr("Read-only file system"));
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "volume/in/it"));
  // Who may do what in it; crun makes it sticky, too.
  EXPECT_EQ(
      std::filesystem::status(folder_ / "volume/in").permissions() & std::filesystem::perms{0777},
      std::filesystem::perms{0755});
  EXPECT_TRUE(std::filesystem::exists(folder_ / "volume/new"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "other/x"));
}

TEST_P(HostileVolumeTest, ARootThatItsProgramTurnedIntoLinksStartsInsideAgain) {
  container_.mounts = {{folder_ / "volume", "/srv/data", false}};
  container_.spec.command = {
      "sh", "-c",
      fmt::format("mkdir -p {0} && mv /srv /old; ln -s {0} /srv; cat {0}/data/mark",
                  victim_.native())};
  mount_root();
  watch();
  const auto first = run();
  ASSERT_TRUE(first) << to_text(first.error());
  const auto second = run_again();
  expect_node_untouched();
  ASSERT_TRUE(second) << to_text(second.error());
  EXPECT_THAT(log(), HasSubstr("content of volume"));
}

}  // namespace
}  // namespace drover::runtimes
