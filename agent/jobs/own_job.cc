#include "agent/jobs/own_job.h"

namespace drover::jobs {

Result<JobRequest> own_job(system::Clock& clock, Verb verb, const std::string& target) {
  const JobId id = TRY(JobId::parse(make_uuid7(static_cast<std::uint64_t>(clock.unix_ms()))));
  return JobRequest{id, verb, target, {}, {}};
}

}  // namespace drover::jobs
