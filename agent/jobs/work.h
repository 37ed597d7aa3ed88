// Work: all that a job sees of the agent while it runs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/job.h"
#include "agent/jobs/books.h"
#include "agent/system/clock.h"
#include "agent/system/stop.h"

namespace drover::jobs {

/// Belongs to the worker that runs the job.
class Work {
 public:
  /// `stop` is asked when the job is cancelled, passes its deadline or the agent ends; `agent_stop`
  /// only when the agent ends. `interrupted`: an agent before this one had begun the job.
  Work(JobRequest request, Books& books, system::Clock& clock,
       std::shared_ptr<const system::Stop> stop, const system::Stop& agent_stop, bool interrupted)
      : request_(std::move(request)),
        books_(books),
        clock_(clock),
        stop_(std::move(stop)),
        agent_stop_(agent_stop),
        interrupted_(interrupted) {}

  const JobRequest& request() const { return request_; }
  const system::Stop& stop() const { return *stop_; }
  /// For what has to be done also when the job was cancelled: undoing.
  const system::Stop& agent_stop() const { return agent_stop_; }
  bool interrupted() const { return interrupted_; }
  system::Clock& clock() const { return clock_; }

  /// How many steps there will be, for those who watch.
  void plan(std::int64_t steps) { planned_ = steps; }

  /// One step: journals that it is about to be done, does it, journals what it gave. What `act`
  /// returns is what the step's undo will be handed. `subject` says which of several ("data",
  /// "eth0").
  Result<json::Value> step(const std::string& name, const std::string& subject,
                           const std::function<Result<json::Value>()>& act);

  /// Journals that a step, of this or an earlier job, is undone and tells so.
  Result<> step_undone(const StepRow& step);

  /// The container's row; none when there is no such container.
  Result<std::optional<ContainerRow>> container(const std::string& name);
  Result<std::vector<StepRow>> steps(const std::string& job);
  /// Writes the container's row and tells its status.
  Result<> put_container(const ContainerRow& row, const std::string& what, json::Object data = {});
  /// Strikes the container off and tells so.
  Result<> erase_container(const std::string& name);
  Result<> write(std::function<Result<>(Books&)> change) { return books_.write(std::move(change)); }

 private:
  JobRequest request_;
  Books& books_;
  system::Clock& clock_;
  std::shared_ptr<const system::Stop> stop_;
  const system::Stop& agent_stop_;
  bool interrupted_;
  std::int64_t planned_ = 0;
  std::int64_t taken_ = 0;
};

}  // namespace drover::jobs
