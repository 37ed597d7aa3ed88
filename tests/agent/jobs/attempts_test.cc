// Attempts of one job: those that failed, and those that an agent's end cut off.
#include <atomic>

#include "supervisor_fixture.h"

namespace drover::jobs {
namespace {

class AttemptsTest : public SupervisorFixture {};

TEST_F(AttemptsTest, AnUnavailableJobIsTriedAgainFromTheStepThatFailed) {
  std::atomic<int> made = 0;
  std::atomic<int> tried = 0;
  supervise(1, [&](Work& work) -> Result<json::Value> {
    TRY(work.once(
        {"volume.allocate", "data", [&]() -> Result<json::Value> { return json::Value(++made); }}));
    return work.once({"runtime.create", "", [&]() -> Result<json::Value> {
                        if (++tried < 3) {
                          return fail(Code::unavailable, "storage is busy");
                        }
                        return json::Value("made");
                      }});
  });
  submit(request("j1", "web-1"));
  until_told("j1", "retrying", 1);
  clock_.advance(std::chrono::seconds(30));
  until_told("j1", "retrying", 2);
  clock_.advance(std::chrono::seconds(30));
  until("j1", "succeeded");
  EXPECT_EQ(made, 1);
  EXPECT_EQ(tried, 3);
  EXPECT_EQ(row("j1").attempt, 3);
}

TEST_F(AttemptsTest, AnAgentsEndIsNoAttemptAndShortensNoWait) {
  supervise(1, until_stopped);
  submit(request("j1", "web-1"));
  until("j1", "started");
  const auto failing = [](Work& work) -> Result<json::Value> {
    EXPECT_TRUE(work.resumed());
    return fail(Code::unavailable, "storage is busy");
  };
  for (int agents = 0; agents < 3; ++agents) {
    supervisor_.reset();
    reopen();
    EXPECT_EQ(row("j1").attempt, 1);
    supervise(1, agents == 2 ? Run(failing) : Run(until_stopped));
    const auto begun = published_.size();
    submit_again(request("j1", "web-1"));
    while (published_.size() == begun) {
      loop_.turn(std::chrono::seconds(60));
    }
  }
  until_told("j1", "retrying", 1);
  const std::int64_t again = row("j1").not_before;
  supervisor_.reset();
  reopen();
  supervise(1, [](Work&) -> Result<json::Value> { return json::Value(); });
  submit_again(request("j1", "web-1"));
  submit(request("j2", "web-1"));
  submit(request("j3", "web-3"));
  until("j3", "succeeded");
  EXPECT_EQ(row("j1").not_before, again);
  EXPECT_EQ(supervisor_->waits_for("j1")->thing, "its next attempt");
  clock_.advance(std::chrono::milliseconds(again - clock_.unix_ms()));
  until("j2", "succeeded");
  EXPECT_EQ(row("j1").state, JobState::succeeded);
  EXPECT_EQ(row("j1").attempt, 2);
}

TEST_F(AttemptsTest, ALastAttemptIsTheLastAndIsUndone) {
  std::atomic<int> undone = 0;
  supervise(
      1, [](Work&) -> Result<json::Value> { return fail(Code::unavailable, "storage is busy"); },
      [&](Work&, const Error& error) -> Result<> {
        EXPECT_EQ(error.message, "storage is busy");
        ++undone;
        return {};
      });
  JobRequest job = request("j1", "web-1");
  job.attempts = 2;
  submit(std::move(job));
  until_told("j1", "retrying", 1);
  clock_.advance(std::chrono::seconds(30));
  until("j1", "failed");
  EXPECT_EQ(undone, 1);
  EXPECT_EQ(row("j1").attempt, 2);
}

TEST_F(AttemptsTest, OnlyUnavailableIsTriedAgainAndNeverAProgramInside) {
  supervise(1, [](Work& work) -> Result<json::Value> {
    return fail(work.request().verb == Verb::container_exec ? Code::unavailable : Code::timed_out,
                "no");
  });
  submit(request("j1", "web-1"));
  until("j1", "failed");
  JobRequest exec = request("j2", "web-1");
  exec.verb = Verb::container_exec;
  submit(std::move(exec));
  until("j2", "failed");
  EXPECT_EQ(row("j1").attempt, 1);
  EXPECT_EQ(row("j2").attempt, 1);
}

TEST_F(AttemptsTest, AJobThatWaitsForItsNextAttemptKeepsItsLaneAndNoWorker) {
  std::atomic<int> tried = 0;
  supervise(1, [&](Work& work) -> Result<json::Value> {
    if (work.request().id.str() == "j1" && ++tried == 1) {
      return fail(Code::unavailable, "busy");
    }
    return json::Value();
  });
  submit(request("j1", "web-1"));
  submit(request("j2", "web-1"));
  submit(request("j3", "web-2"));
  until("j3", "succeeded");
  EXPECT_EQ(row("j2").state, JobState::queued);
  EXPECT_EQ(supervisor_->waits_for("j1")->thing, "its next attempt");
  EXPECT_EQ(supervisor_->waits_for("j2")->thing, "container web-1");
  EXPECT_EQ(supervisor_->waits_for("j2")->before, 1U);
  clock_.advance(std::chrono::seconds(30));
  until("j2", "succeeded");
  EXPECT_EQ(row("j1").state, JobState::succeeded);
}

TEST_F(AttemptsTest, CancelDuringTheWaitForAnAttemptUndoesAtOnce) {
  std::atomic<int> undone = 0;
  supervise(
      1,
      [](Work& work) -> Result<json::Value> {
        TRY(work.stop().check("run"));
        return fail(Code::unavailable, "busy");
      },
      [&](Work&, const Error&) -> Result<> {
        ++undone;
        return {};
      });
  submit(request("j1", "web-1"));
  until_told("j1", "retrying", 1);
  ASSERT_TRUE(supervisor_->cancel("j1", "c1"));
  until("j1", "cancelled");
  EXPECT_EQ(undone, 1);
}

TEST_F(AttemptsTest, ACancelledJobIsNotGoneOnWithByTheNextAgent) {
  supervise(1, until_stopped);
  submit(request("j1", "web-1"));
  until("j1", "started");
  // The agent ends before the worker has come to it.
  ASSERT_TRUE(journal_->ask_to_end("j1", "cancelled"));
  books_->commit();
  supervisor_.reset();
  reopen();
  supervise(1, [](Work& work) -> Result<json::Value> {
    TRY(work.stop().check("run"));
    return json::Value();
  });
  submit_again(request("j1", "web-1"));
  until("j1", "cancelled");
}

TEST_F(AttemptsTest, AnUndoThatTheAgentsEndCutOffIsGoneOnWith) {
  supervise(
      1, [](Work&) -> Result<json::Value> { return fail(Code::broken, "start failed"); },
      [](Work& work, const Error&) -> Result<> {
        pollfd waiting{work.agent_stop().fd(), POLLIN, 0};
        poll(&waiting, 1, -1);
        return fail(Code::cancelled, "the agent ends");
      });
  submit(request("j1", "web-1"));
  while (row("j1").error == "null") {
    loop_.turn(std::chrono::seconds(60));
  }
  supervisor_.reset();
  EXPECT_EQ(row("j1").state, JobState::running);
  reopen();
  std::atomic<int> runs = 0;
  supervise(1, [&](Work&) -> Result<json::Value> {
    ++runs;
    return json::Value();
  });
  submit_again(request("j1", "web-1"));
  until("j1", "failed");
  EXPECT_EQ(runs, 0);
  EXPECT_NE(row("j1").result.find("start failed"), std::string::npos);
}

TEST_F(AttemptsTest, AStepOfAnEndedAgentIsLookedUpAndTakenOver) {
  const StepRow begun{"j1", 1, "volume.allocate", "data", StepState::intent, "null"};
  const JobRow left{"j1", "container.start", "web-1", "{}", JobState::running, "null", 1, 0, 1};
  ASSERT_TRUE(journal_->add_job(left));
  ASSERT_TRUE(journal_->put_step(begun));
  supervise(1, [](Work& work) -> Result<json::Value> {
    Step step{.name = "volume.allocate", .subject = "data"};
    step.act = []() -> Result<json::Value> { return fail(Code::broken, "made twice"); };
    step.find = []() -> Result<std::optional<json::Value>> {
      return std::optional(json::Value("volume-7"));
    };
    return work.once(step);
  });
  supervisor_->submit(request("j1", "web-1"), left);
  until("j1", "succeeded");
  EXPECT_EQ(row("j1").result, "\"volume-7\"");
  EXPECT_EQ(journal_->steps("j1")->size(), 1U);
}

TEST_F(AttemptsTest, AStepThatDidNotTakePlaceIsClearedAwayAndDone) {
  const JobRow left{"j1", "container.start", "web-1", "{}", JobState::running, "null", 1, 0, 1};
  ASSERT_TRUE(journal_->add_job(left));
  ASSERT_TRUE(journal_->put_step({"j1", 1, "network.attach", "eth0", StepState::intent, "null"}));
  std::string order;
  supervise(1, [&](Work& work) -> Result<json::Value> {
    Step step{.name = "network.attach", .subject = "eth0"};
    step.act = [&]() -> Result<json::Value> {
      order += "act";
      return json::Value();
    };
    step.clear = [&]() -> Result<> {
      order += "clear ";
      return {};
    };
    return work.once(step);
  });
  supervisor_->submit(request("j1", "web-1"), left);
  until("j1", "succeeded");
  EXPECT_EQ(order, "clear act");
}

}  // namespace
}  // namespace drover::jobs
