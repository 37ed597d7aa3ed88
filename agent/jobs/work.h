// Work: all that a job sees of the agent while it runs.
//
// A job is written as if nothing could interrupt it. When the agent ends in the middle, or an
// attempt fails and is made again, the job is run from its top with the same Work journal: steps
// that were done give what they gave then, and the one that was under way is looked up on the node.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/job.h"
#include "agent/jobs/journal/books.h"
#include "agent/jobs/turns.h"
#include "agent/system/clock.h"
#include "agent/system/stop.h"
#include "proxmox/task_progress.h"

namespace drover::jobs {

/// One journalled action. A job may have several of one name; `subject` tells them apart ("data",
/// "eth0").
struct Step {
  std::string name;
  std::string subject{};
  /// Does it. What it returns is what the undo will be handed, and any later run of the job.
  std::function<Result<json::Value>()> act{};
  /// Asked when the step had been begun and nobody knows how it went: what it made, if it took
  /// place. Left out where doing it twice is the same as once.
  std::function<Result<std::optional<json::Value>>()> find{};
  /// Clears away what a step that did not take place has left, before it is done again. Nothing
  /// there is success.
  std::function<Result<>()> clear{};
  /// What has to be had before.
  std::optional<Scarce> needs{};
  /// What it makes ends with the machine, and to make it is nothing while it is there: a job that
  /// is gone on with acts once more, and what that returns is what counts from then on.
  bool again = false;
  /// What it makes ends with the machine, or is nothing that anybody would miss or find in his way:
  /// the job does not wait until the disk has that it is about to be done. So are those with
  /// `again`.
  bool fleeting = false;
  /// The job does not wait after it: its result is written together with what the job writes next,
  /// and nothing is made in between.
  bool goes_on = false;
};

/// Belongs to the worker that runs the job.
class Work {
 public:
  /// How the supervisor has it run.
  struct Frame {
    /// Asked when the job is cancelled, passes its deadline or the agent ends.
    std::shared_ptr<const system::Stop> stop;
    /// Asked only when the agent ends.
    const system::Stop& agent_stop;
    Turns& turns;
    /// Leaves the job's place among the workers to another job, for as long as it waits.
    std::function<void()> rest;
    /// Comes back when it has a place again, or `stop` is requested.
    std::function<void(const system::Stop& stop)> go_on;
    bool resumed = false;
    /// Keeps how far the step is that is under way, for whoever asks; none when it has ended.
    /// Loop's thread.
    std::function<void(std::optional<json::Object> progress)> keep_progress = [](const auto&) {};
  };

  using Change = std::function<Result<>(Books&)>;

  Work(JobRequest request, Books& books, system::Clock& clock, Frame frame)
      : request_(std::move(request)), books_(books), clock_(clock), frame_(std::move(frame)) {}

  /// The same job for its undo, where that takes steps of its own: only the agent's end stops them.
  /// It begins with the steps that are not undone by then.
  Work taking_back() const;

  const JobRequest& request() const { return request_; }
  const system::Stop& stop() const { return *frame_.stop; }
  /// For what has to be done also when the job was cancelled: undoing.
  const system::Stop& agent_stop() const { return frame_.agent_stop; }
  /// An earlier attempt or an earlier agent has begun it.
  bool resumed() const { return frame_.resumed; }
  system::Clock& clock() const { return clock_; }

  /// How many steps there will be, for those who watch.
  void plan(std::int64_t steps) { planned_ = steps; }
  /// So many more than that, as turns out on the way.
  void plan_more(std::int64_t steps) { planned_ += steps; }

  /// Does the step once, whatever happens to the agent: journals that it is about to be done, does
  /// it, journals what it gave.
  Result<json::Value> once(const Step& step);

  /// Waits for what an earlier run has begun and left going, and tells meanwhile how far it is as
  /// of the step that was under way.
  Result<> await_begun(const std::function<Result<>()>& wait);

  /// Waits for the job's turn of something, and tells that it does; with none wanted the turn is
  /// nobody's. `cancelled` on `stop`.
  Result<Turns::Turn> take_turn(const std::optional<Scarce>& wanted, const system::Stop& stop);

  /// Does what only waits, for what goes on on another thread: meanwhile the job's place among the
  /// workers is another's.
  template <class Wait>
  auto rest_while(const Wait& wait) {
    frame_.rest();
    auto result = wait();
    frame_.go_on(stop());
    return result;
  }

  /// Journals that a step, of this or an earlier job, is undone and tells so.
  Result<> step_undone(const StepRow& step);

  /// The container's row; none when there is no such container.
  Result<std::optional<ContainerRow>> container(const std::string& name);
  Result<std::vector<StepRow>> steps(const std::string& job);
  /// JobRow::made_by of this job.
  Result<std::string> made_by();
  /// Writes the container's row and tells its status, if `may` agrees in the same transaction.
  Result<> put_container(const ContainerRow& row, const std::string& what, json::Object data = {},
                         const std::function<Result<>(Journal&)>& may = {},
                         Outlives outlives = Outlives::machine);
  /// The same in one transaction with what the job writes next, or with its end: for a status that
  /// it does not stay in.
  void put_container_with_next(const ContainerRow& row, const std::string& what,
                               json::Object data = {});
  /// Strikes the container off and tells so, after `why` if there is more to tell. `kept`: what is
  /// remembered of it.
  Result<> erase_container(const std::string& name, const std::optional<DeletedRow>& kept,
                           const std::optional<Event>& why = std::nullopt);
  /// Anything else; see Books::write.
  Result<> write(Change change, Outlives outlives = Outlives::machine);
  /// What waits to be written with the next, for who writes that in the job's stead.
  Change take_unwritten();
  /// Writes it now, where nothing is to follow.
  Result<> write_unwritten();

 private:
  struct Begun {
    StepRow row;
    bool before;  ///< in an earlier run
  };
  /// The step's row of an earlier run, or a new one with the next number.
  Result<Begun> begin(const Step& step);
  /// Of a step that had been begun: what it made, or nothing and the way is free to do it.
  Result<std::optional<json::Value>> look_up(const Step& step);
  /// Of a step that was done: what it gave.
  Result<json::Value> done_before(const Step& step, StepRow row);
  /// Does the step, or finds what it made when it was begun `before`; tells meanwhile how far a
  /// task of Proxmox is that it awaits.
  Result<json::Value> act(const Step& step, const StepRow& row, bool before);
  void with_next(Change change);
  /// In one transaction with what waited for it.
  Result<> commit(Change change, Outlives outlives = Outlives::machine);
  Change status_change(const ContainerRow& row, const std::string& what, json::Object data) const;
  void tell_progress(const StepRow& row, const proxmox::TaskProgress& progress);
  Event event_of(const StepRow& row, const std::string& what) const;

  JobRequest request_;
  Books& books_;
  system::Clock& clock_;
  Frame frame_;
  std::int64_t planned_ = 0;
  std::int64_t taken_ = 0;
  int writes_ = 0;                               // of this run, apart from those of steps
  std::vector<Change> unwritten_;                // in order; each may be run more than once
  std::optional<std::vector<StepRow>> earlier_;  // of earlier runs, not yet come to in this one
};

}  // namespace drover::jobs
