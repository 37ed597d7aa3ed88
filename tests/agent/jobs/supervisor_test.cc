#include "agent/jobs/supervisor.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>

#include <atomic>
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

  void supervise(std::size_t workers, Supervisor::Run run) {
    supervisor_ = std::make_unique<Supervisor>(loop_, *books_, clock_, workers, std::move(run));
  }
  void submit(JobRequest job) {
    ASSERT_TRUE(
        books_->journal().add_job(JobRow{job.id.str(), std::string(to_string(job.verb)), job.target,
                                         "{}", JobState::queued, "null", clock_.unix_ms(), 0}));
    supervisor_->submit(std::move(job));
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
    return work.step("volume.allocate", "data",
                     []() -> Result<json::Value> { return json::Value("volume-7"); });
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
    return work.step("volume.allocate", "data",
                     []() -> Result<json::Value> { return fail(Code::unavailable, "full"); });
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
  ASSERT_TRUE(supervisor_->cancel("j2"));
  until("j2", "cancelled");
  EXPECT_EQ(row("j1").state, JobState::running);
}

TEST_F(SupervisorTest, CancelsARunningJobThroughItsStop) {
  supervise(1, until_stopped);
  submit(request("j1", "web-1"));
  until("j1", "started");
  ASSERT_TRUE(supervisor_->cancel("j1"));
  until("j1", "cancelled");
  EXPECT_EQ(row("j1").state, JobState::cancelled);
}

TEST_F(SupervisorTest, CannotCancelWhatIsNotThere) {
  supervise(1, until_stopped);
  const Result<> cancelled = supervisor_->cancel("j9");
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
        work.step("x", "", []() -> Result<json::Value> { return json::Value(); });
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

}  // namespace
}  // namespace drover::jobs
