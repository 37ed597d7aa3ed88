// container.restart, and what an agent's end leaves of it at each step.
#include <gmock/gmock.h>

#include "node_fixture.h"

namespace drover::jobs {
namespace {

using fakes::FakeRuntime;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class RestartTest : public NodeFixture {
 protected:
  Status status() { return journal_->container("web-1").value()->status; }
  std::vector<std::string> steps(const std::string& job) {
    std::vector<std::string> names;
    const std::vector<StepRow> rows = journal_->steps(job).value();
    for (const StepRow& row : rows) {
      names.push_back(row.name);
    }
    return names;
  }
  /// Submits the job and ends the agent where the runtime holds it; the next agent ends the job.
  JobRow run_through_an_end(const json::Object& request) {
    const int before = runtime_.held();
    submit(request);
    while (runtime_.held() == before) {
      loop_->turn(std::chrono::milliseconds(10));
    }
    end_agent();
    start_agent();
    EXPECT_TRUE(intake_->resume());
    return await(std::string(request.find("id")->string_or("")));
  }
};

TEST_F(RestartTest, TellsFromItsFirstStepHowManyThereWillBe) {
  run(run_job("j1", "web-1"));
  run(job("j2", "container.restart", "web-1"));
  run(job("j3", "container.stop", "web-1"));
  run(job("j4", "container.start", "web-1"));
  const std::vector<Event> events = journal_->events(0, 500).value();
  for (const std::string id : {"j2", "j4"}) {
    const auto all = static_cast<std::int64_t>(steps(id).size());
    std::int64_t told = 0;
    for (const Event& event : events) {
      if (event.object == id && event.what == "step_started") {
        ++told;
        EXPECT_EQ(json::Value(event.data).at("of").integer_or(0), all) << id << " step " << told;
      }
    }
    EXPECT_EQ(told, all) << id;
    EXPECT_GT(all, 0) << id;
  }
}

TEST_F(RestartTest, ARunningContainerIsStoppedAndStarted) {
  run(run_job("j1", "web-1"));
  published_.clear();
  const JobRow row = run(job("j2", "container.restart", "web-1", {{"grace_s", std::int64_t{3}}}));
  EXPECT_EQ(row.state, JobState::succeeded);
  EXPECT_THAT(row.result, HasSubstr("\"code\":143"));
  EXPECT_THAT(told("container", "web-1"), ElementsAre("stopping", "stopped", "running"));
  EXPECT_THAT(steps("j2"), ElementsAre("runtime.stop", "container.look", "runtime.remove",
                                       "runtime.create", "runtime.start"));
  EXPECT_EQ(runtime_.starts("web-1"), 2);
  EXPECT_EQ(journal_->container("web-1").value()->wanted, Wanted::running);
}

TEST_F(RestartTest, APausedAndAStoppedContainerToo) {
  run(run_job("j1", "web-1"));
  run(job("j2", "container.pause", "web-1"));
  EXPECT_EQ(run(job("j3", "container.restart", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(status(), Status::running);
  run(job("j4", "container.stop", "web-1"));
  EXPECT_EQ(run(job("j5", "container.restart", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 3);
}

TEST_F(RestartTest, OneThatWasOnlyCreatedIsStarted) {
  json::Object request = run_job("j1", "web-1");
  request.set("verb", "container.create");
  run(request);
  published_.clear();
  const JobRow row = run(job("j2", "container.restart", "web-1"));
  EXPECT_EQ(row.state, JobState::succeeded);
  EXPECT_THAT(row.result, Not(HasSubstr("exit")));
  EXPECT_THAT(told("container", "web-1"), ElementsAre("running"));
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

TEST_F(RestartTest, ARuntimeThatStartsAStoppedOneDoesNotMakeItAnew) {
  runtime_.set_capabilities({.restartable = true});
  run(run_job("j1", "web-1"));
  EXPECT_EQ(run(job("j2", "container.restart", "web-1")).state, JobState::succeeded);
  EXPECT_THAT(steps("j2"), ElementsAre("runtime.stop", "container.look", "runtime.start"));
  EXPECT_EQ(runtime_.starts("web-1"), 2);
}

TEST_F(RestartTest, AStopThatFailsLeavesItRunning) {
  run(run_job("j1", "web-1"));
  runtime_.fail_next("stop", Error{Code::broken, "the kernel says no", {}});
  const JobRow row = run(job("j2", "container.restart", "web-1"));
  EXPECT_THAT(row.result, HasSubstr("the kernel says no"));
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

struct Cut {
  bool restartable;
  const char* verb;
  FakeRuntime::Hold where;
};

class CutRestartTest : public RestartTest, public testing::WithParamInterface<Cut> {};

TEST_P(CutRestartTest, TheNextAgentGoesOnAndTheProgramIsStartedOnce) {
  runtime_.set_capabilities({.restartable = GetParam().restartable});
  run(run_job("j1", "web-1"));
  runtime_.hold_next(GetParam().verb, GetParam().where);
  const JobRow row = run_through_an_end(job("j2", "container.restart", "web-1"));
  EXPECT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("\"code\":143"));
  EXPECT_EQ(runtime_.starts("web-1"), 2);
  EXPECT_EQ(status(), Status::running);
}

constexpr auto kBefore = FakeRuntime::Hold::before_deed;
constexpr auto kAfter = FakeRuntime::Hold::after_deed;
INSTANTIATE_TEST_SUITE_P(
    Steps, CutRestartTest,
    testing::Values(Cut{false, "stop", kBefore}, Cut{false, "stop", kAfter},
                    Cut{false, "remove", kBefore}, Cut{false, "remove", kAfter},
                    Cut{false, "create", kBefore}, Cut{false, "create", kAfter},
                    Cut{false, "start", kBefore}, Cut{false, "start", kAfter},
                    Cut{true, "stop", kBefore}, Cut{true, "stop", kAfter},
                    Cut{true, "start", kBefore}, Cut{true, "start", kAfter}),
    [](const testing::TestParamInfo<Cut>& cut) {
      return fmt::format("{}_{}_{}", cut.param.restartable ? "lxc" : "oci", cut.param.verb,
                         cut.param.where == kBefore ? "before" : "after");
    });

TEST_F(RestartTest, AnEndSeenAgainIsNotTakenForTheEndOfAProgramJustStarted) {
  runtime_.set_capabilities({.restartable = true});
  run(run_job("j1", "web-1"));
  run(job("j2", "container.stop", "web-1"));
  runtime_.hold_next("start", kBefore);
  EXPECT_EQ(run_through_an_end(job("j3", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
  EXPECT_EQ(status(), Status::running);
}

}  // namespace
}  // namespace drover::jobs
