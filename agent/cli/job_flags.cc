#include "agent/cli/job_flags.h"

#include <CLI/App.hpp>

#include "agent/system/clock.h"

namespace drover::cli {

void add_job_flags(CLI::App& command, JobFlags& flags) {
  constexpr std::int64_t kMost = 30LL * 24 * 3600;
  command
      .add_option("--deadline", flags.deadline_s,
                  "Seconds after which the job is stopped and undone")
      ->check(CLI::Range(std::int64_t{1}, kMost))
      ->type_name("SECONDS");
  command.add_flag("-q,--quiet", flags.quiet, "Show no progress");
}

Result<JobRequest> make_request(Verb verb, const std::string& target, const JobFlags& flags) {
  TRY(check_target(target_kind_of(verb), target));
  const std::int64_t now = system::SystemClock().unix_ms();
  const JobId id = TRY(JobId::parse(make_uuid7(static_cast<std::uint64_t>(now))));
  return JobRequest{id, verb, target,
                    {}, {},   flags.deadline_s == 0 ? 0 : now + flags.deadline_s * 1000};
}

}  // namespace drover::cli
