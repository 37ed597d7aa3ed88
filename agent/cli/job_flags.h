// JobFlags: the options of every command that submits a job.
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/job.h"

namespace CLI {
class App;
}

namespace drover::cli {

struct JobFlags {
  std::int64_t deadline_s = 0;  ///< 0: none
  std::int64_t priority = kDefaultPriority;
  std::int64_t attempts = kDefaultAttempts;
  bool quiet = false;  ///< no progress
};

void add_job_flags(CLI::App& command, JobFlags& flags);

/// A request with a new id (UUIDv7) and the flags' deadline, counted from now. `invalid` when
/// `target` cannot name what the verb is about.
Result<JobRequest> make_request(Verb verb, const std::string& target, const JobFlags& flags);

/// `invalid` with every fault that the node would find by reading the request, so that what is
/// mistyped is wrong usage and asks no node.
Result<> check_request(const JobRequest& request);

}  // namespace drover::cli
