// Work: all that a job sees of the agent while it runs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/core/job.h"
#include "agent/jobs/books.h"
#include "agent/system/clock.h"
#include "agent/system/stop.h"

namespace drover::jobs {

/// Belongs to the worker that runs the job.
class Work {
 public:
  Work(JobRequest request, Books& books, system::Clock& clock,
       std::shared_ptr<const system::Stop> stop)
      : request_(std::move(request)), books_(books), clock_(clock), stop_(std::move(stop)) {}

  const JobRequest& request() const { return request_; }
  const system::Stop& stop() const { return *stop_; }
  system::Clock& clock() const { return clock_; }

  /// How many steps there will be, for those who watch.
  void plan(std::int64_t steps) { planned_ = steps; }

  /// One step: journals that it is about to be done, does it, journals what it gave. What `act`
  /// returns is what the step's undo will be handed. `subject` says which of several ("data",
  /// "eth0").
  Result<json::Value> step(const std::string& name, const std::string& subject,
                           const std::function<Result<json::Value>()>& act);

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
  std::int64_t planned_ = 0;
  std::int64_t taken_ = 0;
};

}  // namespace drover::jobs
