// Intake: takes jobs in, once each, durably.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "agent/core/allow_list.h"
#include "agent/jobs/journal/books.h"
#include "agent/jobs/journal/disk_watch.h"
#include "agent/jobs/key_rates.h"
#include "agent/jobs/node.h"
#include "agent/jobs/supervisor.h"
#include "agent/system/clock.h"

namespace drover::jobs {

/// Belongs to the loop's thread.
class Intake {
 public:
  /// Tells the client: kind of the answer and its body's text. Called exactly once a submission,
  /// for an accepted job after it is on the disk.
  using Answer = std::function<void(std::string_view kind, std::string body)>;

  /// Beyond these the answer is "busy".
  struct Queue {
    std::size_t jobs = 10'000;                  ///< that wait for a worker
    std::size_t bytes = std::size_t{64} << 20;  ///< of the requests of all that have not ended
  };

  /// All must outlive it.
  Intake(Books& books, Supervisor& supervisor, const Node& node, system::Clock& clock,
         DiskWatch& disk, Queue queue)
      : books_(books),
        supervisor_(supervisor),
        node_(node),
        clock_(clock),
        disk_(disk),
        queue_(queue),
        rates_(clock) {}

  /// `body`: a job's JSON as the client sent it. A fault costs nothing but the answer that tells
  /// it. `sender`: the key it came with, whose role was looked at; nullptr for one of this node's
  /// own clients. `via`: the key of the dispatcher it came by, "" for none. What is more than the
  /// sender's limits allow is answered "busy".
  void submit(std::string_view body, const Answer& answer, const AllowedKey* sender = nullptr,
              std::string_view via = {});

  /// Takes in a job of the agent's own, in this turn's commit: no queue is too long for it. `by`
  /// says in its event who wants it, as "restart policy".
  Result<> submit_own(const JobRequest& request, std::string_view by);

  /// Called when leaks were ordered to be taken away now, behind this turn's commit.
  void at_collect(std::function<void()> wake) { collect_ = std::move(wake); }

  /// Takes up what an earlier agent left unfinished. Call it once, before the first `submit`.
  Result<> resume();

 private:
  Result<> accept(const JobRequest& request, const Answer& answer, std::string_view sender,
                  std::string_view via);
  /// Writes and tells the job; a worker does it, if it is not one that is done at once.
  Result<JobRow> take_in(const JobRequest& request, std::string_view made_by,
                         std::string_view sender, std::string_view via = {});
  void enqueue(const JobRequest& request, const JobRow& row);
  Result<> do_at_once(const JobRequest& request);
  Result<> answer_known(const JobRow& row, const JobRequest& request, const Answer& answer);
  void answer_after_commit(const Answer& answer, json::Object view);
  /// Whether as many jobs of the key have not ended as it may have (KeyLimits::queued).
  Result<bool> has_all_its_jobs(const AllowedKey& sender, const JobRequest& request);
  bool is_full_for(const JobRequest& request, std::size_t bytes) const;
  Result<> admit(const JobRequest& request) const;
  /// `refused` when the id is so old that what was done under it may be forgotten.
  Result<> check_age(const JobId& id) const;
  Result<bool> is_taking_away(const JobRow& job);
  Result<json::Value> cancel(const JobRequest& request);
  Result<json::Value> drain(const JobRequest& request);
  Result<json::Value> undrain(const JobRequest& request);
  Result<json::Value> collect(const JobRequest& request);

  Books& books_;
  Supervisor& supervisor_;
  const Node& node_;
  system::Clock& clock_;
  DiskWatch& disk_;
  Queue queue_;
  KeyRates rates_;
  std::function<void()> collect_ = [] {};
};

}  // namespace drover::jobs
