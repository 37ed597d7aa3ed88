// JobNews: what a node says of a job, as Campaigns and Drains hear it.
#pragma once

#include <optional>
#include <string>

#include "agent/core/json.h"

namespace drover::dispatch {

struct JobNews {
  std::string job;
  std::string state;      ///< as agent/core/job.h has it
  std::string message{};  ///< why it failed or was cancelled

  bool operator==(const JobNews&) const = default;
};

/// Of the body of job.accepted, or of the answer to query.job. None without id and state.
std::optional<JobNews> news_of_job(const json::Value& job);
/// Of an event as it was published; none of one that ends or begins no job.
std::optional<JobNews> news_of_event(const json::Value& event);

}  // namespace drover::dispatch
