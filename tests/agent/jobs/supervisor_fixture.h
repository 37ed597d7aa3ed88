// SupervisorFixture: a supervisor on a real journal, whose jobs do what the test says.
#pragma once

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "agent/jobs/supervisor.h"
#include "books_fixture.h"

namespace drover::jobs {

class SupervisorFixture : public BooksFixture {
 protected:
  void SetUp() override {
    BooksFixture::SetUp();
    loop_.watch(books_->fd(), EPOLLIN, [this](std::uint32_t) { books_->serve(); });
    loop_.at_turn_end([this] { books_->commit(); });
  }
  void TearDown() override { supervisor_.reset(); }

  static JobRequest request(const std::string& id, const std::string& target) {
    return JobRequest{*JobId::parse(id), Verb::container_start, target, std::nullopt, {}, 0};
  }
  /// Waits until the job is asked to stop, as a step that takes long does.
  static Result<json::Value> until_stopped(Work& work) {
    pollfd waiting{work.stop().fd(), POLLIN, 0};
    poll(&waiting, 1, -1);
    return fail(Code::cancelled, "stopped by request");
  }

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

  system::Loop loop_{clock_};
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace drover::jobs
