#include "agent/jobs/supervisor.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <set>

#include "fakes/fake_clock.h"
#include "fakes/temp_folder.h"

namespace drover::jobs {
namespace {

JobRequest request(const std::string& id, const std::string& target) {
  return JobRequest{*JobId::parse(id), Verb::container_start, target, std::nullopt, {}, 0};
}

/// Waits until the job is asked to stop, as a step that takes long does.
Result<json::Value> until_stopped(Work& work) {
  pollfd waiting{work.stop().fd(), POLLIN, 0};
  poll(&waiting, 1, -1);
  return fail(Code::cancelled, "stopped by request");
}

class SupervisorTest : public testing::Test {
 protected:
  void SetUp() override {
    auto journal = Journal::open(folder_ / "journal.db", clock_);
    ASSERT_TRUE(journal);
    journal_ = std::move(*journal);
    books_ = std::make_unique<Books>(*journal_, [this](const std::vector<Event>& events) {
      published_.insert(published_.end(), events.begin(), events.end());
    });
    loop_.watch(books_->fd(), EPOLLIN, [this](std::uint32_t) { books_->serve(); });
    loop_.at_turn_end([this] { books_->commit(); });
  }
  void TearDown() override { supervisor_.reset(); }

  using Run = std::function<Result<json::Value>(Work&)>;
  using Undo = std::function<Result<>(Work&, const Error&)>;

  static Result<> nothing_to_undo(Work&, const Error&) { return {}; }
  void supervise(std::size_t workers, Run run, Undo undo = nothing_to_undo) {
    supervisor_ = std::make_unique<Supervisor>(loop_, *books_, clock_, workers,
                                               Supervisor::Deeds{std::move(run), std::move(undo)});
  }
  void submit(JobRequest job) {
    const JobRow added{job.id.str(),     std::string(to_string(job.verb)),
                       job.target,       "{}",
                       JobState::queued, "null",
                       clock_.unix_ms(), 0};
    ASSERT_TRUE(books_->journal().add_job(added));
    supervisor_->submit(std::move(job), added);
  }
  /// What the next agent does with a job that this one left.
  void submit_again(JobRequest job) {
    const JobRow left = row(job.id.str());
    supervisor_->submit(std::move(job), left);
  }
  /// Turns the loop until `what` was published for the job. What the test wrote itself is committed
  /// first, as the end of the turn does that the loop would have called it in.
  void until(const std::string& job, const std::string& what) {
    books_->commit();
    const auto told = [&] {
      for (const Event& event : published_) {
        if (event.object == job && event.what == what) {
          return true;
        }
      }
      return false;
    };
    while (!told()) {
      loop_.turn(std::chrono::seconds(60));
    }
  }
  void until_told(const std::string& job, const std::string& what, long times) {
    books_->commit();
    const auto told = [&] {
      return std::count_if(published_.begin(), published_.end(), [&](const Event& event) {
        return event.object == job && event.what == what;
      });
    };
    while (told() < times) {
      loop_.turn(std::chrono::seconds(60));
    }
    // The worker has told so before it leaves the job to the loop.
    while (supervisor_->running() > 0) {
      loop_.turn(std::chrono::seconds(60));
    }
  }
  /// Another agent on the same journal.
  void reopen() {
    loop_.unwatch(books_->fd());
    books_.reset();
    journal_.reset();
    SetUp();
  }
  JobRow row(const std::string& job) { return *journal_->job(job).value(); }

  fakes::TempFolder folder_;
  fakes::FakeClock clock_;
  system::Loop loop_{clock_};
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Books> books_;
  std::vector<Event> published_;
  std::unique_ptr<Supervisor> supervisor_;
};

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

TEST_F(SupervisorTest, AnUnavailableJobIsTriedAgainFromTheStepThatFailed) {
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

TEST_F(SupervisorTest, AnAgentsEndIsNoAttemptAndShortensNoWait) {
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

TEST_F(SupervisorTest, ALastAttemptIsTheLastAndIsUndone) {
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

TEST_F(SupervisorTest, OnlyUnavailableIsTriedAgainAndNeverAProgramInside) {
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

TEST_F(SupervisorTest, AJobThatWaitsForItsNextAttemptKeepsItsLaneAndNoWorker) {
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

TEST_F(SupervisorTest, CancelDuringTheWaitForAnAttemptUndoesAtOnce) {
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

TEST_F(SupervisorTest, ACancelledJobIsNotGoneOnWithByTheNextAgent) {
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

TEST_F(SupervisorTest, AnUndoThatTheAgentsEndCutOffIsGoneOnWith) {
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

TEST_F(SupervisorTest, AStepOfAnEndedAgentIsLookedUpAndTakenOver) {
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

TEST_F(SupervisorTest, AStepThatDidNotTakePlaceIsClearedAwayAndDone) {
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
