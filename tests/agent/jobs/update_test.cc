// container.update: other limits for a container that is there, and what a runtime cannot do at
// all.
#include <gmock/gmock.h>

#include "agent/jobs/container_record.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::Contains;
using testing::HasSubstr;

class UpdateTest : public NodeFixture {
 protected:
  json::Object update(const std::string& id, json::Object resources) {
    return job(id, "container.update", "web-1", {{"resources", std::move(resources)}});
  }
  Resources recorded() {
    const ContainerRow row = *journal_->container("web-1").value();
    return container_record_from(row.container).value().container.spec.resources;
  }
};

TEST_F(UpdateTest, WhatIsNamedChangesAndTheRestStays) {
  json::Object request = run_job("j1", "web-1");
  request.find("spec")->object()->set(
      "resources", json::Object{{"memory_mib", std::int64_t{64}}, {"cpus", 2.0}});
  run(request);
  const JobRow row = run(update("j2", {{"memory_mib", std::int64_t{128}}}));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  const Resources expected{128, 2.0, 0};
  EXPECT_EQ(runtime_.limits("web-1"), expected);
  EXPECT_EQ(recorded(), expected);
  EXPECT_THAT(told("container", "web-1"), Contains("updated"));
}

TEST_F(UpdateTest, TheLimitsHoldAfterTheNextStart) {
  run(run_job("j1", "web-1"));
  run(update("j2", {{"pids", std::int64_t{50}}}));
  run(job("j3", "container.restart", "web-1"));
  EXPECT_EQ(recorded(), (Resources{0, 0, 50}));
}

TEST_F(UpdateTest, AFailureIsToldAndTheOldLimitsAreSetAgain) {
  run(run_job("j1", "web-1"));
  run(update("j2", {{"memory_mib", std::int64_t{64}}}));
  runtime_.fail_next("update", Error{Code::conflict, "its programs hold 50 MiB now", {}});
  const JobRow row = run(update("j3", {{"memory_mib", std::int64_t{16}}}));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("hold 50 MiB"));
  const Resources old{64, 0, 0};
  EXPECT_EQ(runtime_.limits("web-1"), old);
  EXPECT_EQ(recorded(), old);
}

TEST_F(UpdateTest, AnInterruptedUpdateIsDoneByTheNextAgent) {
  run(run_job("j1", "web-1"));
  submit_held(update("j2", {{"memory_mib", std::int64_t{64}}}), "update",
              fakes::FakeRuntime::Hold::after_deed);
  end_agent();
  start_agent();
  ASSERT_TRUE(intake_->resume());
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(recorded(), (Resources{64, 0, 0}));
}

TEST_F(UpdateTest, ACancelledOneGivesTheOldLimitsAgain) {
  run(run_job("j1", "web-1"));
  run(update("j2", {{"memory_mib", std::int64_t{64}}}));
  submit_held(update("j3", {{"memory_mib", std::int64_t{256}}}), "update",
              fakes::FakeRuntime::Hold::after_deed);
  submit(job("j4", "job.cancel", "j3"));
  EXPECT_EQ(await("j3").state, JobState::cancelled);
  EXPECT_EQ(runtime_.limits("web-1"), (Resources{64, 0, 0}));
  EXPECT_THAT(told("job", "j3"), Contains("step_undone"));
}

TEST_F(UpdateTest, WhatARuntimeCannotDoIsRefusedBeforeItIsAcceptedWithWhy) {
  runtime_.set_capabilities({.no_checkpoints = "it is only a fake"});
  run(run_job("j1", "web-1"));
  for (const char* verb : {"container.checkpoint", "container.restore"}) {
    const Answer answer = submit(job(verb, verb, "web-1"));
    EXPECT_EQ(answer.kind, "error");
    EXPECT_THAT(json::write(answer.body), HasSubstr("\"refused\""));
    EXPECT_THAT(json::write(answer.body), HasSubstr("it is only a fake"));
    EXPECT_FALSE(journal_->job(verb).value());
  }
  EXPECT_THAT(run(job("j2", "container.checkpoint", "nobody")).result, HasSubstr("not_found"));
}

}  // namespace
}  // namespace drover::jobs
