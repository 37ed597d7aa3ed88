// A node under a policy: what it does not allow is not accepted, and bind mounts, which are mounted
// before the runtime begins, are held against it again each time that they are mounted.
#include <gmock/gmock.h>

#include <fstream>

#include "agent/jobs/container_record.h"
#include "agent/system/secret_store.h"
#include "node_fixture.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class PolicyLifeTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    std::filesystem::create_directories(folder_ / "data/site");
    std::filesystem::create_directories(folder_ / "secret");
    std::ofstream(folder_ / "data/site/text") << "site\n";
    std::ofstream(folder_ / "secret/text") << "secret\n";
    config_.policy.binds = {{folder_ / "data", false}};
  }
  json::Object with_bind(const std::string& id, const std::string& source) {
    json::Object request = run_job(id, "web-1");
    request.find("spec")->object()->set(
        "mounts", json::Array{json::Object{{"type", "tmpfs"}, {"target", "/tmp"}},
                              json::Object{{"type", "bind"},
                                           {"source", (folder_ / source).native()},
                                           {"target", "/site"}}});
    return request;
  }
  std::filesystem::path place() const {
    return layout_.bind_mount(*ContainerName::parse("web-1"), "0");
  }
  std::string text() const { return system::read_file(place() / "text").value_or("nothing"); }
  void put_link_in_place() {
    std::filesystem::rename(folder_ / "data/site", folder_ / "data/was");
    std::filesystem::create_directory_symlink("../secret", folder_ / "data/site");
  }
};

TEST_F(PolicyLifeTest, ARuntimeFindsThemMountedAsVolumes) {
  ASSERT_EQ(run(with_bind("j1", "data/site")).state, JobState::succeeded);
  EXPECT_EQ(text(), "site\n");
  const ContainerRow row = *journal_->container("web-1").value();
  const ContainerRecord record = container_record_from(row.container).value();
  ASSERT_FALSE(record.container.mounts.empty());  // and its name files behind it
  EXPECT_EQ(record.container.mounts[0].source, place());
  EXPECT_EQ(record.container.mounts[0].target, "/site");
  EXPECT_FALSE(record.container.mounts[0].read_only);
  ASSERT_EQ(run(job("j2", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  EXPECT_TRUE(leaves_nothing("web-1"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "data/site/text"));
}

TEST_F(PolicyLifeTest, WhatThePolicyDoesNotAllowIsNotAccepted) {
  const Answer answer = submit(with_bind("j1", "secret"));
  EXPECT_EQ(answer.kind, "error");
  EXPECT_EQ(answer.body.at("code").string_or(""), "refused");
  EXPECT_THAT(json::write(answer.body), HasSubstr("policy.binds"));
  EXPECT_FALSE(journal_->job("j1").value());
}

TEST_F(PolicyLifeTest, ASecretThatThisNodeDoesNotHaveIsNotAccepted) {
  json::Object request = run_job("j1", "web-1");
  request.find("spec")->object()->set("secrets", json::Array{json::Object{{"name", "key"}}});
  const Answer answer = submit(request);
  EXPECT_EQ(answer.kind, "error");
  EXPECT_EQ(answer.body.at("code").string_or(""), "not_found");
  EXPECT_THAT(json::write(answer.body), HasSubstr("this node has no secret key"));
  ASSERT_TRUE(system::SecretStore(layout_.secret_store()).write("key", "value", false));
  config_.policy.secrets = {"other"};
  EXPECT_THAT(json::write(submit(request).body), HasSubstr("policy.secrets"));
  config_.policy.secrets = {"*"};
  EXPECT_EQ(submit(request).kind, "job.accepted");
  EXPECT_EQ(await("j1").state, JobState::succeeded);
}

TEST_F(PolicyLifeTest, ALinkOutOfThePrefixIsNotMounted) {
  put_link_in_place();
  const JobRow row = run(with_bind("j1", "data/site"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("a link on the way leads out of"));
  EXPECT_TRUE(leaves_nothing("web-1"));
}

TEST_F(PolicyLifeTest, AJobAcceptedBeforeIsNotDoneUnderAStricterPolicy) {
  end_agent();
  workers_ = 1;
  start_agent();
  submit_paused(run_job("j0", "other"), "create", fakes::FakeRuntime::Hold::before_deed);
  ASSERT_EQ(submit(with_bind("j1", "data/site")).kind, "job.accepted");
  config_.policy.binds = {};
  runtime_.let_go();
  const JobRow row = await("j1");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("policy.binds"));
  EXPECT_TRUE(leaves_nothing("web-1"));
}

TEST_F(PolicyLifeTest, AStartMountsThemAnewWhenTheyAreGone) {
  ASSERT_EQ(run(with_bind("j1", "data/site")).state, JobState::succeeded);
  ASSERT_EQ(run(job("j2", "container.stop", "web-1")).state, JobState::succeeded);
  // What is mounted stays as it was allowed.
  config_.policy.binds = {};
  EXPECT_EQ(run(job("j3", "container.start", "web-1")).state, JobState::succeeded);
  ASSERT_EQ(run(job("j4", "container.stop", "web-1")).state, JobState::succeeded);
  ASSERT_EQ(umount2(place().c_str(), MNT_DETACH), 0);
  EXPECT_THAT(run(job("j5", "container.start", "web-1")).result, HasSubstr("policy.binds"));
  config_.policy.binds = {{folder_ / "data", false}};
  ASSERT_EQ(run(job("j6", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(text(), "site\n");
}

TEST_F(PolicyLifeTest, ALinkPutInPlaceIsNotMountedByAStart) {
  ASSERT_EQ(run(with_bind("j1", "data/site")).state, JobState::succeeded);
  ASSERT_EQ(run(job("j2", "container.stop", "web-1")).state, JobState::succeeded);
  ASSERT_EQ(umount2(place().c_str(), MNT_DETACH), 0);
  put_link_in_place();
  EXPECT_THAT(run(job("j3", "container.start", "web-1")).result,
              HasSubstr("a link on the way leads out of"));
  EXPECT_FALSE(runtimes::is_mounted(place()).value());
}

TEST_F(PolicyLifeTest, MoreLimitsThanThePolicyAllowsAreNotAcceptedForAChangeEither) {
  ASSERT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
  config_.policy.memory_mib = 64;
  const auto update = [&](const std::string& id, std::int64_t memory_mib) {
    return submit(job(id, "container.update", "web-1",
                      {{"resources", json::Object{{"memory_mib", memory_mib}}}}))
        .kind;
  };
  EXPECT_EQ(update("j2", 65), "error");
  EXPECT_EQ(update("j3", 64), "job.accepted");
}

TEST_F(PolicyLifeTest, UsersOfItsOwnAreTheDefaultWhereTheyAreRequired) {
  config_.policy.own_users_only = true;
  ASSERT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
  const ContainerRow row = *journal_->container("web-1").value();
  EXPECT_EQ(container_record_from(row.container).value().container.spec.security.user_namespace,
            "auto");
}

}  // namespace
}  // namespace drover::jobs
