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
  command
      .add_option("--priority", flags.priority,
                  "0 to 100: of jobs that wait the higher goes first (default: 50)")
      ->check(CLI::Range(0, 100))
      ->type_name("NUMBER");
  command
      .add_option("--attempts", flags.attempts,
                  "How often it may be tried while something is unavailable (default: 4)")
      ->check(CLI::Range(1, 20))
      ->type_name("NUMBER");
  command.add_flag("-q,--quiet", flags.quiet, "Show no progress");
}

Result<JobRequest> make_request(Verb verb, const std::string& target, const JobFlags& flags) {
  TRY(check_target(target_kind_of(verb), target));
  const std::int64_t now = system::SystemClock().unix_ms();
  const JobId id = TRY(JobId::parse(make_uuid7(static_cast<std::uint64_t>(now))));
  const std::int64_t deadline = flags.deadline_s == 0 ? 0 : now + flags.deadline_s * 1000;
  return JobRequest{id, verb, target, {}, {}, deadline, flags.priority, flags.attempts};
}

Result<> check_request(const JobRequest& request) {
  Result<JobRequest> read = read_job(to_json(request));
  if (read) {
    return {};
  }
  Error error = std::move(read).error();
  error.message = fmt::format("{} {}: this cannot be asked for", to_string(request.verb),
                              request.target.substr(0, 80));
  return Failure(std::move(error));
}

}  // namespace drover::cli
