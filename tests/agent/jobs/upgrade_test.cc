// container.upgrade: another image below a container's root, and back, with real images and mounts.
#include <gmock/gmock.h>

#include "agent/jobs/journal/keeping.h"
#include "agent/jobs/queries/views.h"
#include "upgrade_fixture.h"

namespace drover::jobs {
namespace {

using fakes::FakeRuntime;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

TEST_F(UpgradeTest, OneThatRunsIsStartedOnTheOtherImageAndWhatItWroteStaysWithTheOld) {
  make();
  write_inside("mine");
  const auto volume = record().volumes;
  const JobRow row = run(to("j2", "v2"));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("\"changed\":true"));
  EXPECT_EQ(motd(), "v2");
  EXPECT_FALSE(is_inside("mine"));
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
  EXPECT_EQ(record().container.spec.image, image("v2"));
  EXPECT_EQ(record().container.image.env.back(), "VERSION=v2");
  EXPECT_EQ(record().volumes.at(0).id, volume.at(0).id);
  EXPECT_THAT(told("container", "web-1"),
              ElementsAre("stopping", "stopped", "running", "upgraded"));
  const json::Value view(
      container_view(*journal_->container("web-1").value(), layout_, false).value());
  EXPECT_EQ(view.at("former_image").string_or(""), image("v1"));
  EXPECT_EQ(users_of("v1"), 1U) << "it can be put back to it";
  EXPECT_THAT(run(job("j3", "image.remove", image("v1"))).result, HasSubstr("in use by web-1"));
}

TEST_F(UpgradeTest, ARollbackGivesTheOldRootBackAndASecondOneTheNew) {
  make();
  write_inside("mine");
  run(to("j2", "v2"));
  write_inside("newer");
  const JobRow row = run(back("j3"));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(motd(), "v1");
  EXPECT_TRUE(is_inside("mine"));
  EXPECT_FALSE(is_inside("newer"));
  EXPECT_EQ(record().former->image, image("v2"));
  ASSERT_EQ(run(back("j4")).state, JobState::succeeded);
  EXPECT_EQ(motd(), "v2");
  EXPECT_TRUE(is_inside("newer"));
  EXPECT_EQ(runtime_.starts("web-1"), 4);
}

TEST_F(UpgradeTest, ThatImageWhichTheContainerHasChangesNothingButTheName) {
  make();
  const JobRow row = run(to("j2", "same"));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("\"changed\":false"));
  EXPECT_EQ(runtime_.starts("web-1"), 1);
  EXPECT_EQ(record().container.spec.image, image("same"));
  EXPECT_FALSE(record().former);
  EXPECT_THAT(told("container", "web-1"), ElementsAre());
}

TEST_F(UpgradeTest, OneThatDoesNotRunIsNotStarted) {
  make();
  run(job("stop", "container.stop", "web-1"));
  ASSERT_EQ(run(to("j2", "v2")).state, JobState::succeeded);
  EXPECT_EQ(status(), Status::stopped);
  EXPECT_EQ(runtime_.starts("web-1"), 1);
  ASSERT_EQ(run(job("start", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(motd(), "v2");
  run(job("rm", "container.delete", "web-1", {{"force", true}}));
  EXPECT_TRUE(leaves_nothing("web-1"));
}

TEST_F(UpgradeTest, OneThatWasOnlyCreatedIsSoAgain) {
  make("container.create");
  ASSERT_EQ(run(to("j2", "v2")).state, JobState::succeeded);
  EXPECT_EQ(status(), Status::created);
  EXPECT_TRUE(runtime_.has("web-1"));
  ASSERT_EQ(run(job("start", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(motd(), "v2");
}

TEST_F(UpgradeTest, OneWhoseProgramDoesNotStartHasItsFormerImageAgain) {
  make();
  write_inside("mine");
  runtime_.fail_next("start", Error{Code::broken, "no such program", {}});
  const JobRow row = run(to("j2", "v2"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("no such program"));
  expect_as_before("j2");
  EXPECT_EQ(runtime_.starts("web-1"), 2);
  EXPECT_THAT(told("container", "web-1"),
              ElementsAre("stopping", "stopped", "reverted", "running"));
  ASSERT_EQ(run(job("j3", "image.remove", image("v2"))).state, JobState::succeeded);
}

TEST_F(UpgradeTest, OneWhoseProgramEndsWhileItIsWatchedToo) {
  make();
  write_inside("mine");
  submit_paused(to("j2", "v2"), "start", FakeRuntime::Hold::after_deed);
  runtime_.end("web-1", 3);
  runtime_.let_go();
  const JobRow row = await("j2");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("exited with 3"));
  expect_as_before("j2");
}

TEST_F(UpgradeTest, OneWithProbesIsKeptOnceItIsHealthyAndElseNot) {
  json::Object request = making("container.run");
  request.find("spec")->object()->set(
      "probes", json::Array{json::Object{{"name", "up"}, {"tcp", json::Object{{"port", 80}}}}});
  ASSERT_EQ(run(request).state, JobState::succeeded);
  write_inside("mine");
  // As its prober finds it (prober.h), of whom there is none here.
  std::optional<Health> found;
  react_ = [&](const Event& event) {
    if (event.kind != "container" || event.what != "running") {
      return;
    }
    ContainerRow row = journal_->container("web-1").value().value();
    Keeping keeping;
    keeping.health = found.value_or(Health::starting);
    set_keeping(row, keeping);
    EXPECT_TRUE(journal_->put_container(row));
  };
  found = Health::unhealthy;
  JobRow row = run(to("j2", "v2"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("unhealthy"));
  expect_as_before("j2");
  found.reset();
  row = run(to("j3", "v2"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("not succeeded within 60 s"));
  expect_as_before("j3");
  found = Health::healthy;
  row = run(to("j4", "v2"));
  EXPECT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(motd(), "v2");
}

TEST_F(UpgradeTest, ACancelledOneRunsOnItsFormerImage) {
  make();
  write_inside("mine");
  for (const char* verb : {"remove", "create", "start"}) {
    const std::string id = std::string("j-") + verb;
    submit_held(to(id, "v2"), verb, FakeRuntime::Hold::after_deed);
    submit(job("cancel-" + id, "job.cancel", id));
    EXPECT_EQ(await(id).state, JobState::cancelled) << verb;
    expect_as_before(id);
  }
}

TEST_F(UpgradeTest, OneWhoseAgentEndedIsFinishedByTheNext) {
  make();
  write_inside("mine");
  int starts = 1;
  for (const char* verb : {"remove", "create", "start"}) {
    const std::string id = std::string("j-") + verb;
    submit_held(to(id, starts % 2 == 1 ? "v2" : "v3"), verb, FakeRuntime::Hold::after_deed);
    restart_agent();
    ASSERT_EQ(await(id).state, JobState::succeeded) << verb;
    EXPECT_EQ(motd(), starts % 2 == 1 ? "v2" : "v3");
    EXPECT_EQ(runtime_.starts("web-1"), ++starts) << verb;
    EXPECT_EQ(other_roots(), starts == 2 ? 1U : 2U) << "that it has, and the former one";
  }
}

TEST_F(UpgradeTest, OneThatIsTakenBackWhenTheAgentEndsIsTakenBackByTheNext) {
  make();
  write_inside("mine");
  runtime_.fail_next("start", Error{Code::broken, "no such program", {}});
  submit_held(to("j2", "v2"), "remove", FakeRuntime::Hold::after_deed);
  restart_agent();
  EXPECT_EQ(await("j2").state, JobState::failed);
  expect_as_before("j2");
  EXPECT_EQ(runtime_.starts("web-1"), 2);
}

TEST_F(UpgradeTest, AFormerImageThatIsForgottenIsFree) {
  make();
  run(to("j2", "v2"));
  ASSERT_EQ(run(job("j3", "container.upgrade", "web-1", {{"forget", true}})).state,
            JobState::succeeded);
  EXPECT_EQ(users_of("v1"), 0U);
  EXPECT_EQ(motd(), "v2");
  EXPECT_THAT(run(back("j4")).result, HasSubstr("no former image"));
  EXPECT_FALSE(
      std::filesystem::exists(layout_.container(ContainerName::parse("web-1").value()) / "upper"));
}

TEST_F(UpgradeTest, TheOneBeforeTheFormerIsFree) {
  make();
  run(to("j2", "v2"));
  run(to("j3", "v3"));
  EXPECT_EQ(users_of("v1"), 0U);
  EXPECT_EQ(users_of("v2"), 1U);
  EXPECT_EQ(record().former->image, image("v2"));
}

TEST_F(UpgradeTest, IsRefusedBeforeItIsAcceptedWhereItCannotBe) {
  make();
  config_.policy.images = {"docker://registry.example/**"};
  EXPECT_THAT(json::write(submit(to("j2", "v2")).body), HasSubstr("refused"));
  config_.policy.images.clear();
  runtime_.set_capabilities({.no_upgrade = "it is only a fake"});
  EXPECT_THAT(json::write(submit(to("j3", "v2")).body), HasSubstr("it is only a fake"));
  for (json::Object options :
       {json::Object{}, json::Object{{"rollback", true}, {"image", image("v2")}},
        json::Object{{"image", "not an image"}}}) {
    EXPECT_THAT(json::write(submit(job("j4", "container.upgrade", "web-1", options)).body),
                HasSubstr("\"invalid\""));
  }
}

TEST_F(UpgradeTest, AFolderAsRootHasNoImageToChange) {
  run(run_job("j1", "web-1"));
  const JobRow row = run(to("j2", "v2"));
  EXPECT_THAT(row.result, HasSubstr("refused"));
  EXPECT_THAT(row.result, HasSubstr("no image"));
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

TEST_F(UpgradeTest, TellsFromItsFirstStepHowManyThereWillBe) {
  make();
  run(to("j2", "v2"));
  run(job("stop", "container.stop", "web-1"));
  run(back("j3"));
  const std::vector<Event> events = journal_->events(0, 500).value();
  for (const std::string id : {"j2", "j3"}) {
    const auto all = static_cast<std::int64_t>(journal_->steps(id).value().size());
    for (const Event& event : events) {
      if (event.object == id && event.what == "step_started" &&
          json::Value(event.data).at("number").integer_or(0) > 1) {
        EXPECT_EQ(json::Value(event.data).at("of").integer_or(0), all) << id;
      }
    }
  }
}

}  // namespace
}  // namespace drover::jobs
