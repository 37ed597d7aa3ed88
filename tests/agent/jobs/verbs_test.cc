#include "agent/jobs/verbs/verbs.h"

#include <gmock/gmock.h>

#include "agent/jobs/container_record.h"
#include "agent/jobs/queries/views.h"
#include "agent/jobs/status_change.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class VerbsTest : public NodeFixture {};

TEST_F(VerbsTest, RunMakesEverythingInOrderAndDeleteTakesItBackInReverse) {
  ASSERT_EQ(run(with_volume(run_job("j1", "web-1"))).state, JobState::succeeded);
  EXPECT_TRUE(runtime_.has("web-1"));
  EXPECT_THAT(told("container", "web-1"), ElementsAre("creating", "created", "running"));
  std::vector<std::string> steps;
  const std::vector<StepRow> rows = journal_->steps("j1").value();
  for (const StepRow& step : rows) {
    EXPECT_EQ(step.state, StepState::done);
    steps.push_back(step.name);
  }
  EXPECT_THAT(steps,
              ElementsAre("container.check", "folder.make", "volume.allocate", "volume.mount",
                          "network.namespace", "rootfs.mount", "runtime.create", "runtime.start"));

  ASSERT_EQ(run(job("j2", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  EXPECT_TRUE(leaves_nothing("web-1"));
  std::vector<std::string> undone;
  for (const Event& event : published_) {
    if (event.what == "step_undone") {
      undone.emplace_back(json::Value(event.data).at("name").string_or(""));
    }
  }
  EXPECT_THAT(undone,
              ElementsAre("runtime.start", "runtime.create", "rootfs.mount", "network.namespace",
                          "volume.mount", "volume.allocate", "folder.make", "container.check"));
  EXPECT_THAT(told("container", "web-1"), Contains("gone"));
}

class FailingStepTest : public VerbsTest, public testing::WithParamInterface<const char*> {};

TEST_P(FailingStepTest, WhatAFailedRunHadMadeIsTakenBack) {
  runtime_.fail_next(GetParam(), Error{Code::broken, "no room on the node", {}});
  const JobRow row = run(with_volume(run_job("j1", "web-1")));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("no room on the node"));
  EXPECT_TRUE(leaves_nothing("web-1"));
  EXPECT_EQ(run(with_volume(run_job("j2", "web-1"))).state, JobState::succeeded);
}
INSTANTIATE_TEST_SUITE_P(Steps, FailingStepTest, testing::Values("create", "start"));

TEST_F(VerbsTest, WhatCannotBeTakenBackStaysOnTheBooksUntilDeleteManages) {
  runtime_.fail_next("start", Error{Code::broken, "start failed", {}});
  runtime_.fail_next("remove", Error{Code::unavailable, "device busy", {}});
  const JobRow row = run(run_job("j1", "web-1"));
  EXPECT_THAT(row.result, HasSubstr("start failed; then, while taking it back"));
  EXPECT_THAT(row.result, HasSubstr("device busy"));
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::unknown);
  EXPECT_EQ(run(job("j2", "container.delete", "web-1")).state, JobState::succeeded);
  EXPECT_TRUE(leaves_nothing("web-1"));
}

TEST_F(VerbsTest, ADeletionThatIsTriedAgainStillSparesARunningContainer) {
  ASSERT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
  runtime_.fail_next("state", Error{Code::unavailable, "595", {}});
  submit(job("j2", "container.delete", "web-1"));
  // The worker writes it before it leaves the job to the loop.
  while (journal_->job("j2").value()->not_before == 0 || supervisor_->running() > 0) {
    loop_->turn(std::chrono::seconds(60));
  }
  clock_.advance(std::chrono::seconds(30));
  EXPECT_THAT(await("j2").result, HasSubstr("it is running; stop it first"));
  EXPECT_TRUE(runtime_.has("web-1"));
  EXPECT_EQ(journal_->container("web-1").value()->wanted, Wanted::running);
}

TEST_F(VerbsTest, AWrongImageRootOrBridgeCostsNothingElse) {
  const std::vector<std::pair<json::Object, const char*>> cases = {
      {{{"runtime", "runc"}, {"image", "oci:/nowhere:1"}}, "/nowhere"},
      {{{"runtime", "runc"}, {"rootfs", "/nowhere"}}, "this node has no folder /nowhere"},
      {{{"runtime", "runc"},
        {"rootfs", root_.native()},
        {"networks", json::Array{json::Object{{"bridge", "br-none"}}}}},
       "drover network ensure br-none makes one"}};
  int number = 0;
  for (const auto& [spec, why] : cases) {
    const std::string id = "j" + std::to_string(++number);
    json::Object request = run_job(id, "web-1");
    request.set("spec", spec);
    const JobRow row = run(with_volume(request));
    EXPECT_EQ(row.state, JobState::failed);
    EXPECT_THAT(row.result, HasSubstr("not_found"));
    EXPECT_THAT(row.result, HasSubstr(why));
    const std::vector<StepRow> steps = journal_->steps(id).value();
    ASSERT_EQ(steps.size(), 1U);
    EXPECT_EQ(steps.front().name, "container.check");
    EXPECT_TRUE(leaves_nothing("web-1"));
  }
}

TEST_F(VerbsTest, ATakenNameIsAConflict) {
  run(run_job("j1", "web-1"));
  const JobRow row = run(run_job("j2", "web-1"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("\"conflict\""));
  EXPECT_TRUE(runtime_.has("web-1"));
}

TEST_F(VerbsTest, StopTellsHowItEnded) {
  run(run_job("j1", "web-1"));
  const JobRow row = run(job("j2", "container.stop", "web-1"));
  EXPECT_EQ(row.state, JobState::succeeded);
  EXPECT_THAT(row.result, HasSubstr("\"code\":143"));
  EXPECT_THAT(told("container", "web-1"),
              ElementsAre("creating", "created", "running", "stopping", "stopped"));
}

TEST_F(VerbsTest, StopIsByWhatTheSpecSaysAndElseByWhatTheRuntimeHasForIt) {
  runtime_.set_usual_stop_signal(SIGPWR);
  run(run_job("j1", "web-1"));
  EXPECT_THAT(run(job("j2", "container.stop", "web-1")).result, HasSubstr("\"code\":158"));
  json::Object request = run_job("j3", "web-2");
  request.find("spec")->object()->set("stop", json::Object{{"signal", "INT"}});
  run(std::move(request));
  EXPECT_THAT(run(job("j4", "container.stop", "web-2")).result, HasSubstr("\"code\":130"));
}

TEST_F(VerbsTest, StopLeavesOneThatWasNeverStartedAsItIs) {
  json::Object request = run_job("j1", "web-1");
  request.set("verb", "container.create");
  run(request);
  const JobRow row = run(job("j2", "container.stop", "web-1"));
  EXPECT_EQ(row.state, JobState::succeeded);
  EXPECT_EQ(row.result, "{}");
  EXPECT_THAT(told("container", "web-1"), ElementsAre("creating", "created"));
  EXPECT_EQ(run(job("j3", "container.start", "web-1")).state, JobState::succeeded);
}

TEST_F(VerbsTest, AStoppedOciContainerIsStartedByMakingItAnew) {
  run(run_job("j1", "web-1"));
  run(job("j2", "container.stop", "web-1"));
  EXPECT_EQ(run(job("j3", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::running);
}

TEST_F(VerbsTest, PauseAndResume) {
  run(run_job("j1", "web-1"));
  EXPECT_EQ(run(job("j2", "container.pause", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::paused);
  EXPECT_EQ(run(job("j3", "container.resume", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(run(job("j4", "container.resume", "web-1")).state, JobState::failed);
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::running);
}

TEST_F(VerbsTest, ExecKeepsOutputAndCode) {
  run(run_job("j1", "web-1"));
  const JobRow row =
      run(job("j2", "container.exec", "web-1", {{"command", json::Array{"id", "-u"}}}));
  EXPECT_EQ(row.result, R"({"code":3})");
  const std::string log = system::read_file(layout_.job_log(*JobId::parse("j2"))).value();
  EXPECT_THAT(log, HasSubstr(" stdout F ran id\n"));
  EXPECT_THAT(log, HasSubstr(" stderr P without end of line\n"));
}

TEST_F(VerbsTest, ARunningContainerIsDeletedByForceOnly) {
  run(run_job("j1", "web-1"));
  const JobRow row = run(job("j2", "container.delete", "web-1"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("it is running"));
  EXPECT_TRUE(runtime_.has("web-1"));
}

TEST_F(VerbsTest, VerbsOnNoContainerAreNotFound) {
  int number = 0;
  for (const char* verb : {"container.start", "container.stop", "container.kill", "container.pause",
                           "container.resume", "container.delete"}) {
    const JobRow row = run(job("j" + std::to_string(++number), verb, "nobody"));
    EXPECT_THAT(row.result, HasSubstr("\"not_found\"")) << verb;
  }
}

TEST_F(VerbsTest, WhatCouldNotBeTakenBackStaysUnknownWhateverItsRuntimeSays) {
  run(run_job("j1", "web-1"));
  ContainerRow row = *journal_->container("web-1").value();
  row.status = Status::unknown;
  row.wanted = Wanted::gone;
  ASSERT_TRUE(journal_->put_container(row));
  ASSERT_TRUE(note_observed(*books_, "web-1", runtimes::State{Status::running, 1, {}}));
  ASSERT_TRUE(note_observed(*books_, "web-1", std::nullopt));
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::unknown);
}

TEST_F(VerbsTest, AnEndWithoutAJobIsSeenAndTold) {
  run(run_job("j1", "web-1"));
  Observer observer(*node_, *books_,
                    [this](const std::string& name, const std::optional<runtimes::State>& state) {
                      return note_observed(*books_, name, state);
                    });
  runtime_.end("web-1", 7);
  observer.look_at("web-1");
  while (journal_->container("web-1").value()->status != Status::stopped) {
    loop_->turn(std::chrono::seconds(60));
  }
  EXPECT_EQ(journal_->container("web-1").value()->exit->code, 7);
  books_->close();
}

TEST_F(VerbsTest, AGuestWhoseApiHangsKeepsNobodyElsesEndBack) {
  fakes::FakeRuntime guests;
  node_->runtimes.emplace(RuntimeKind::pve_lxc, &guests);
  run(run_job("j1", "guest-1"));
  run(run_job("j2", "web-1"));
  ContainerRow guest = *journal_->container("guest-1").value();
  ContainerRecord record = container_record_from(guest.container).value();
  record.container.runtime = RuntimeKind::pve_lxc;
  guest.runtime = "pve-lxc";
  guest.container = json::write(to_json(record));
  ASSERT_TRUE(journal_->put_container(guest));
  ASSERT_TRUE(journal_->commit());
  guests.hold_next("state", fakes::FakeRuntime::Hold::before_deed);
  {
    Observer observer(*node_, *books_,
                      [this](const std::string& name, const std::optional<runtimes::State>& state) {
                        return note_observed(*books_, name, state);
                      });
    observer.look_at_all();
    while (guests.held() == 0) {
      loop_->turn(std::chrono::milliseconds(10));
    }
    runtime_.end("web-1", 7);
    observer.look_at("web-1");
    while (journal_->container("web-1").value()->status != Status::stopped) {
      loop_->turn(std::chrono::seconds(60));
    }
    books_->close();
  }
  EXPECT_EQ(journal_->container("guest-1").value()->status, Status::running);
}

TEST_F(VerbsTest, AStopDoesNotWaitForACommandInside) {
  run(run_job("j1", "web-1"));
  submit_held(job("j2", "container.exec", "web-1", {{"command", json::Array{"sleep"}}}), "await",
              fakes::FakeRuntime::Hold::before_deed);
  EXPECT_EQ(run(job("j3", "container.stop", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(run(job("j4", "container.delete", "web-1")).state, JobState::succeeded);
  submit(job("j5", "job.cancel", "j2"));
  EXPECT_EQ(await("j2").state, JobState::cancelled);
  EXPECT_THAT(runtime_.sessions(), testing::IsEmpty()) << "it was ended and forgotten";
  EXPECT_TRUE(leaves_nothing("web-1"));
}

TEST_F(VerbsTest, WhatRunsInsideByNobodysJobIsEndedByTheNextAgent) {
  run(run_job("j1", "web-1"));
  submit_held(job("j2", "container.exec", "web-1", {{"command", json::Array{"id"}}}), "await",
              fakes::FakeRuntime::Hold::before_deed);
  end_unwanted_execs(*node_, *journal_);
  EXPECT_THAT(runtime_.sessions(), testing::ElementsAre("j2"));
  submit(job("j3", "job.cancel", "j2"));
  await("j2");
  run(job("j4", "container.exec", "web-1", {{"command", json::Array{"id"}}}));
  const ContainerRow row = journal_->container("web-1").value().value();
  ASSERT_TRUE(runtime_.exec_sessions()->begin(
      container_record_from(row.container).value().container, JobId::parse("j4").value(),
      {{"id"}, {}, "", ""}, system::Stop()));
  end_unwanted_execs(*node_, *journal_);
  EXPECT_THAT(runtime_.sessions(), testing::IsEmpty()) << "its job has ended";
}

TEST_F(VerbsTest, WhatIsEndedInsideAPausedContainerIsToldSoAndForgottenByItsResume) {
  run(run_job("j1", "web-1"));
  submit_held(job("j2", "container.exec", "web-1", {{"command", json::Array{"id"}}}), "await",
              fakes::FakeRuntime::Hold::before_deed);
  ASSERT_EQ(run(job("j3", "container.pause", "web-1")).state, JobState::succeeded);
  submit(job("j4", "job.cancel", "j2"));
  const JobRow row = await("j2");
  EXPECT_EQ(row.state, JobState::cancelled);
  EXPECT_THAT(row.result, HasSubstr("container web-1 is paused"));
  EXPECT_THAT(row.result, HasSubstr("ends when you resume the container"));
  EXPECT_THAT(runtime_.sessions(), testing::ElementsAre("j2"));
  EXPECT_EQ(run(job("j5", "container.resume", "web-1")).state, JobState::succeeded);
  EXPECT_THAT(runtime_.sessions(), testing::IsEmpty());
}

TEST_F(VerbsTest, AnExecThatHadEndedBeforeTheCrashKeepsItsOutput) {
  run(run_job("j1", "web-1"));
  run(job("j2", "container.exec", "web-1", {{"command", json::Array{"id"}}}));
  ASSERT_TRUE(journal_->set_job("j2", JobState::running, "null", 0));
  ASSERT_TRUE(journal_->commit());
  restart_agent();
  EXPECT_EQ(await("j2").result, R"({"code":3})");
  EXPECT_THAT(system::read_file(layout_.job_log(*JobId::parse("j2"))).value(),
              HasSubstr(" stdout F ran id\n"));
}

TEST_F(VerbsTest, WhatAnApiThatDidNotAnswerMayGoOnWithIsAwaitedBeforeItIsTakenBack) {
  run(run_job("j1", "web-1"));
  run(job("j2", "container.stop", "web-1"));
  const int settled = runtime_.settled();
  runtime_.fail_next("start", Error{Code::refused, "no", {}});
  EXPECT_EQ(run(job("j3", "container.start", "web-1")).state, JobState::failed);
  EXPECT_EQ(runtime_.settled(), settled) << "it was answered";
  runtime_.fail_next("start", Error{Code::unavailable, "500 timeout", {}});
  json::Object request = job("j4", "container.start", "web-1");
  request.set("attempts", std::int64_t{1});
  EXPECT_EQ(run(request).state, JobState::failed);
  EXPECT_EQ(runtime_.settled(), settled + 1);
}

TEST_F(VerbsTest, EveryEventOfAContainerHasItsLabels) {
  const auto run_with = [&](const std::string& name, const std::string& value) {
    json::Object request = run_job("run-" + name, name);
    request.find("spec")->object()->set("labels", json::Object{{"team", value}});
    run(request);
    run(job("rm-" + name, "container.delete", name, {{"force", true}}));
  };
  run_with("web-1", "web");
  run_with("web-2", std::string(5000, 'x'));
  run(run_job("j1", "web-3"));
  std::size_t seen = 0;
  for (const Event& event : published_) {
    if (event.kind == "container") {
      const json::Value data(event.data);
      EXPECT_EQ(data.at("labels").at("team").string_or("none"),
                event.object == "web-1" ? "web" : "none")
          << event.object << " " << event.what;
      EXPECT_EQ(data.at("labels_left_out").boolean_or(false), event.object == "web-2")
          << event.object << " " << event.what;
      ++seen;
    }
  }
  EXPECT_GE(seen, 12U);
  EXPECT_EQ(told("container", "web-1").back(), "gone");
}

}  // namespace
}  // namespace drover::jobs
