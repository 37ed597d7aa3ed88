// Containers with users of their own: which range of ids each has, and for how long.
#include "agent/jobs/own_users.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/jobs/container_record.h"
#include "agent/system/user_namespace.h"
#include "rebuild_fixture.h"
#include "runtimes/leftovers.h"
#include "runtimes/user_view.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::jobs {
namespace {

using runtimes::kUsersOfOne;
using testing::HasSubstr;

ContainerConfig node_with(std::int64_t first, std::int64_t ranges) {
  ContainerConfig node;
  node.first_user = first;
  node.user_ranges = ranges;
  return node;
}

TEST(FreeUsers, EachIsGivenOutOnceAndWhenAllAreNoneIs) {
  const ContainerConfig node = node_with(100000, 5);
  std::set<std::uint32_t> taken;
  for (int i = 0; i < 5; ++i) {
    const auto first = free_users(node, taken, "web-" + std::to_string(i));
    ASSERT_TRUE(first) << to_text(first.error());
    EXPECT_EQ((*first - 100000) % kUsersOfOne, 0U);
    EXPECT_LT(*first, 100000 + 5 * kUsersOfOne);
    EXPECT_TRUE(taken.insert(*first).second);
  }
  const auto none = free_users(node, taken, "web-6");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::unavailable);
  EXPECT_THAT(none.error().message, HasSubstr("all 5 ranges"));
  taken.erase(taken.begin());
  EXPECT_EQ(free_users(node, taken, "web-6").value(), 100000U);
}

TEST(FreeUsers, ANameGetsTheSameOneAgainAndOthersMostlyAnother) {
  const ContainerConfig node;
  const std::uint32_t first = free_users(node, {}, "web").value();
  EXPECT_EQ(free_users(node, {}, "web").value(), first);
  EXPECT_NE(free_users(node, {}, "db").value(), first);
  EXPECT_EQ(free_users(node, {first}, "web").value(), first + kUsersOfOne);
}

TEST(FreeUsers, OneThatLiesAcrossAnotherOfAnOlderConfigurationIsNotGivenOut) {
  const ContainerConfig node = node_with(100000, 2);
  EXPECT_EQ(free_users(node, {100000 + kUsersOfOne + 1}, "web").value(), 100000U);
  EXPECT_FALSE(free_users(node, {100000 + kUsersOfOne - 1}, "web"));
  EXPECT_TRUE(free_users(node, {100000 - kUsersOfOne}, "web"));
}

TEST(FreeUsers, TheHighestIdIsNobodys) {
  const ContainerConfig node;
  const auto last = static_cast<std::uint64_t>(node.first_user + (node.user_ranges - 1) * 65536);
  EXPECT_LT(last + kUsersOfOne, 4294967295U);
}

class OwnUsers : public Rebuild {
 protected:
  json::Object with_own_users(const std::string& id, const std::string& name) {
    json::Object request = with_volume(run_job(id, name));
    request.find("spec")->object()->set("user_namespace", "auto");
    return request;
  }
  runtimes::Container container(const std::string& name) {
    return container_record_from(journal_->container(name).value().value().container)
        .value()
        .container;
  }
  runtimes::Path view(const std::string& name) { return layout_.view(*ContainerName::parse(name)); }
  bool pinned(const runtimes::Container& container) {
    return system::open_pinned_namespace(container.user_namespace).has_value();
  }
  static uid_t owner_of(const runtimes::Path& path) {
    struct stat facts {};
    return stat(path.c_str(), &facts) == 0 ? facts.st_uid : uid_t(-1);
  }
};

TEST_F(OwnUsers, AreItsOwnAsLongAsItIsThere) {
  ASSERT_EQ(run(with_own_users("j1", "web-1")).state, JobState::succeeded)
      << journal_->job("j1").value()->result;
  ASSERT_EQ(run(with_own_users("j2", "web-2")).state, JobState::succeeded);
  const runtimes::Container web = container("web-1");
  EXPECT_GE(web.users, 2147483648U);
  EXPECT_NE(container("web-2").users, web.users);
  EXPECT_TRUE(pinned(web));
  EXPECT_EQ(web.rootfs, view("web-1") / "rootfs");
  EXPECT_EQ(web.mounts.at(0).source, view("web-1") / "volumes/data");
  // What is the image's root's is its root's, and so is the volume, which is root's on the disk.
  EXPECT_EQ(owner_of(web.rootfs), web.users);
  EXPECT_EQ(owner_of(web.mounts.at(0).source), web.users);
  EXPECT_EQ(owner_of(layout_.volume_mount(web.name, "data")), 0U);
  EXPECT_EQ(owner_of(view("web-1") / "names/hosts"), web.users);
  run(job("j3", "container.stop", "web-1"));
  ASSERT_EQ(run(job("j4", "container.start", "web-1")).state, JobState::succeeded);
  restart_agent();
  EXPECT_EQ(container("web-1").users, web.users);
  lose_journal();
  EXPECT_EQ(container("web-1").users, web.users);
  EXPECT_EQ(container("web-1").user_namespace, web.user_namespace);
  for (const char* name : {"web-1", "web-2"}) {
    ASSERT_EQ(run(job(std::string("d-") + name, "container.delete", name, {{"force", true}})).state,
              JobState::succeeded);
    EXPECT_FALSE(std::filesystem::exists(view(name)));
  }
  EXPECT_TRUE(leaves_nothing("web-1"));
  EXPECT_TRUE(leaves_nothing("web-2"));
  EXPECT_FALSE(std::filesystem::exists(web.user_namespace));
}

TEST_F(OwnUsers, AreRefusedBeforeAJobIsAcceptedWhereNoRootCanBeMountedForThem) {
  // As a kernel before Linux 5.19: an overlay shows no other owners.
  for (const runtimes::Path& made :
       {folder_ / "lower", folder_ / "upper", folder_ / "work", layout_.images()}) {
    std::filesystem::create_directories(made);
  }
  const std::string options = fmt::format("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work",
                                          folder_.path().native());
  ASSERT_EQ(mount("test", layout_.images().c_str(), "overlay", 0, options.c_str()), 0);
  const Answer answer = submit(with_own_users("j1", "web-1"));
  EXPECT_EQ(answer.kind, "error");
  EXPECT_THAT(json::write(answer.body), HasSubstr("\"refused\""));
  EXPECT_THAT(json::write(answer.body), HasSubstr("user_namespace: this node cannot give"));
  EXPECT_FALSE(journal_->job("j1").value());
  EXPECT_EQ(run(with_volume(run_job("j2", "web-2"))).state, JobState::succeeded);
  EXPECT_EQ(umount2(layout_.images().c_str(), MNT_DETACH), 0);
}

TEST_F(OwnUsers, ComeBackAfterAReboot) {
  ASSERT_EQ(run(with_own_users("j1", "web-1")).state, JobState::succeeded);
  const runtimes::Container web = container("web-1");
  run(job("j2", "container.stop", "web-1"));
  ASSERT_TRUE(runtimes::remove_view(layout_, web.name));
  ASSERT_TRUE(runtimes::remove_own_users(layout_, web.name));
  ASSERT_EQ(run(job("j3", "container.start", "web-1")).state, JobState::succeeded)
      << journal_->job("j3").value()->result;
  EXPECT_TRUE(pinned(web));
  EXPECT_EQ(owner_of(view("web-1") / "rootfs"), web.users);
  // The network of before would be another's.
  const system::UniqueFd users = system::open_pinned_namespace(web.user_namespace).value();
  EXPECT_TRUE(system::belongs_to(web.netns, users).value());
  run(job("j4", "container.delete", "web-1", {{"force", true}}));
}

TEST_F(OwnUsers, AreGivenBackWithIt) {
  config_.container = node_with(200000, 1);
  end_agent();
  start_agent();
  ASSERT_EQ(run(with_own_users("j1", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(container("web-1").users, 200000U);
  json::Object second = with_own_users("j2", "web-2");
  second.set("attempts", std::int64_t{1});
  const JobRow none = run(second);
  EXPECT_EQ(none.state, JobState::failed);
  EXPECT_THAT(none.result, HasSubstr("all 1 ranges of users"));
  EXPECT_FALSE(journal_->container("web-2").value());
  run(job("j3", "container.delete", "web-1", {{"force", true}}));
  ASSERT_EQ(run(with_own_users("j4", "web-2")).state, JobState::succeeded);
  EXPECT_EQ(container("web-2").users, 200000U);
  run(job("j5", "container.delete", "web-2", {{"force", true}}));
}

TEST_F(OwnUsers, WhatALostRowHasLeftIsFoundAndTakenAway) {
  ASSERT_EQ(run(with_own_users("j1", "web-1")).state, JobState::succeeded);
  const auto mounts = runtimes::container_mounts(layout_).value();
  const auto has = [&](const runtimes::Path& path) {
    return std::any_of(mounts.begin(), mounts.end(), [&](const runtimes::Leftover& one) {
      return one.path == path && one.container == "web-1";
    });
  };
  EXPECT_TRUE(has(view("web-1") / "volumes/data"));
  EXPECT_TRUE(has(view("web-1") / "rootfs"));
  EXPECT_TRUE(has(container("web-1").user_namespace));
  for (const runtimes::Leftover& one : mounts) {
    EXPECT_TRUE(runtimes::unmount_volume(one.path, system::Stop()));
  }
  EXPECT_FALSE(std::filesystem::exists(container("web-1").user_namespace));
  run(job("j2", "container.delete", "web-1", {{"force", true}}));
}

}  // namespace
}  // namespace drover::jobs
