#include "agent/jobs/supervisor.h"

#include <atomic>
#include <future>
#include <set>

#include "supervisor_fixture.h"

namespace drover::jobs {
namespace {

class SupervisorTest : public SupervisorFixture {};

TEST_F(SupervisorTest, RunsAJobAndKeepsWhatItGave) {
  supervise(2, [](Work&) -> Result<json::Value> { return json::Value(json::Object{{"n", 7}}); });
  submit(request("j1", "web-1"));
  until("j1", "succeeded");
  EXPECT_EQ(row("j1").state, JobState::succeeded);
  EXPECT_EQ(row("j1").result, R"({"n":7})");
}

TEST_F(SupervisorTest, KeepsWhyAJobFailed) {
  supervise(2, [](Work&) -> Result<json::Value> { return fail(Code::conflict, "name taken"); });
  submit(request("j1", "web-1"));
  until("j1", "failed");
  EXPECT_EQ(row("j1").result, R"({"error":{"code":"conflict","message":"name taken"}})");
}

TEST_F(SupervisorTest, ABugInOneJobCostsThatJobOnly) {
  supervise(1, [](Work& work) -> Result<json::Value> {
    if (work.request().id.str() == "j1") {
      throw std::runtime_error("bug");
    }
    return json::Value();
  });
  submit(request("j1", "web-1"));
  submit(request("j2", "web-2"));
  until("j1", "failed");
  until("j2", "succeeded");
}

TEST_F(SupervisorTest, JournalsEachStepBeforeAndAfter) {
  supervise(1, [](Work& work) -> Result<json::Value> {
    work.plan(1);
    return work.once({"volume.allocate", "data",
                      []() -> Result<json::Value> { return json::Value("volume-7"); }});
  });
  submit(request("j1", "web-1"));
  until("j1", "succeeded");
  const auto steps = journal_->steps("j1");
  ASSERT_TRUE(steps);
  ASSERT_EQ(steps->size(), 1U);
  EXPECT_EQ(steps->front().state, StepState::done);
  EXPECT_EQ(steps->front().data, "\"volume-7\"");
}

TEST_F(SupervisorTest, AFailedStepLeavesItsIntent) {
  supervise(1, [](Work& work) -> Result<json::Value> {
    return work.once({"volume.allocate", "data",
                      []() -> Result<json::Value> { return fail(Code::broken, "full"); }});
  });
  submit(request("j1", "web-1"));
  until("j1", "failed");
  EXPECT_EQ(journal_->steps("j1")->front().state, StepState::intent);
}

TEST_F(SupervisorTest, CancelsAWaitingJobAtOnce) {
  supervise(1, until_stopped);
  submit(request("j1", "web-1"));
  submit(request("j2", "web-1"));
  until("j1", "started");
  ASSERT_TRUE(supervisor_->cancel("j2", "c1"));
  until("j2", "cancelled");
  EXPECT_EQ(row("j1").state, JobState::running);
}

TEST_F(SupervisorTest, ACancelOrADeadlineIsTheReasonWhateverTheStepSays) {
  supervise(1, [](Work& work) -> Result<json::Value> {
    [[maybe_unused]] const auto stopped = until_stopped(work);
    return fail(Code::broken, "skopeo was killed");
  });
  submit(request("j1", "web-1"));
  JobRequest late = request("j2", "web-2");
  late.deadline_unix_ms = clock_.unix_ms() + 5000;
  submit(std::move(late));
  until("j1", "started");
  ASSERT_TRUE(supervisor_->cancel("j1", "c1"));
  until("j1", "cancelled");
  EXPECT_NE(row("j1").result.find("cancelled by job c1 while it ran (its last step: skopeo"),
            std::string::npos);
  until("j2", "started");
  clock_.advance(std::chrono::seconds(6));
  until("j2", "failed");
  EXPECT_NE(row("j2").result.find("its deadline passed while it ran"), std::string::npos);
}

TEST_F(SupervisorTest, CannotCancelWhatIsNotThere) {
  supervise(1, until_stopped);
  const Result<> cancelled = supervisor_->cancel("j9", "c1");
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, Code::not_found);
}

TEST_F(SupervisorTest, ADeadlineEndsARunningJobAsFailed) {
  supervise(1, until_stopped);
  JobRequest job = request("j1", "web-1");
  job.deadline_unix_ms = clock_.unix_ms() + 5000;
  submit(std::move(job));
  until("j1", "started");
  clock_.advance(std::chrono::seconds(6));
  until("j1", "failed");
  EXPECT_NE(row("j1").result.find("timed_out"), std::string::npos);
}

TEST_F(SupervisorTest, ADeadlineEndsAWaitingJobAsFailed) {
  supervise(1, until_stopped);
  submit(request("j1", "web-1"));
  until("j1", "started");
  JobRequest job = request("j2", "web-1");
  job.deadline_unix_ms = clock_.unix_ms() + 5000;
  submit(std::move(job));
  clock_.advance(std::chrono::seconds(6));
  until("j2", "failed");
}

TEST_F(SupervisorTest, AStopOfTheAgentLeavesTheJobUnfinished) {
  supervise(1, until_stopped);
  submit(request("j1", "web-1"));
  until("j1", "started");
  supervisor_.reset();
  EXPECT_EQ(row("j1").state, JobState::running);
  EXPECT_EQ(journal_->unfinished()->size(), 1U);
}

TEST_F(SupervisorTest, RunsNoTwoJobsOfOneTargetTogether) {
  std::mutex mutex;
  std::set<std::string> busy;
  std::atomic<bool> overlapped = false;
  supervise(4, [&](Work& work) -> Result<json::Value> {
    const std::string target = work.request().target;
    {
      const std::lock_guard lock(mutex);
      overlapped = overlapped || !busy.insert(target).second;
    }
    const Result<json::Value> done =
        work.once({"x", "", []() -> Result<json::Value> { return json::Value(); }});
    const std::lock_guard lock(mutex);
    busy.erase(target);
    return done;
  });
  for (int i = 0; i < 40; ++i) {
    submit(request("j" + std::to_string(i), "web-" + std::to_string(i % 3)));
  }
  for (int i = 0; i < 40; ++i) {
    until("j" + std::to_string(i), "succeeded");
  }
  EXPECT_FALSE(overlapped);
}

TEST_F(SupervisorTest, AJobThatWaitsForItsTurnLeavesItsWorkerToOthers) {
  std::promise<void> go_on;
  const auto gone_on = go_on.get_future().share();
  supervise(2, [&](Work& work) -> Result<json::Value> {
    const std::string job = work.request().id.str();
    if (job == "j9") {
      return json::Value();
    }
    return work.once({.name = "make",
                      .act = [&]() -> Result<json::Value> {
                        gone_on.wait();
                        return json::Value(job);
                      },
                      .needs = Scarce{"storage s", 1}});
  });
  submit(request("j1", "web-1"));
  until("j1", "step_started");
  for (const char* job : {"j2", "j3", "j4"}) {
    submit(request(job, job));
    until(job, "waiting");
  }
  EXPECT_EQ(supervisor_->waits_for("j4")->thing, "storage s");
  EXPECT_EQ(supervisor_->waits_for("j4")->before, 2U);
  submit(request("j9", "web-9"));
  until("j9", "succeeded");
  ASSERT_TRUE(supervisor_->cancel("j3", "j8"));
  until("j3", "cancelled");
  go_on.set_value();
  for (const char* job : {"j1", "j2", "j4"}) {
    until(job, "succeeded");
  }
}

TEST_F(SupervisorTest, OfWaitingJobsTheOneWithTheHigherPriorityGoesFirst) {
  std::vector<std::string> order;
  std::mutex mutex;
  supervise(1, [&](Work& work) -> Result<json::Value> {
    if (work.request().id.str() == "j0") {
      return until_stopped(work);
    }
    const std::lock_guard lock(mutex);
    order.push_back(work.request().id.str());
    return json::Value();
  });
  submit(request("j0", "web-0"));
  until("j0", "started");
  for (const auto& [id, priority] : {std::pair("low", 10), {"normal", 50}, {"high", 90}}) {
    JobRequest job = request(id, id);
    job.priority = priority;
    submit(std::move(job));
  }
  // 80 points above "low" are 80 s: whoever came that much earlier goes first.
  clock_.advance(std::chrono::seconds(81));
  JobRequest late = request("late", "late");
  late.priority = 90;
  submit(std::move(late));
  ASSERT_TRUE(supervisor_->cancel("j0", "c1"));
  until("late", "succeeded");
  const std::lock_guard lock(mutex);
  EXPECT_EQ(order, (std::vector<std::string>{"high", "normal", "low", "late"}));
}

}  // namespace
}  // namespace drover::jobs
