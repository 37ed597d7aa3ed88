#include "agent/cli/job_run.h"

#include <fmt/format.h>

#include "agent/cli/exit_code.h"
#include "agent/cli/job_watch.h"
#include "messaging/message.h"

namespace drover::cli {
namespace {

Result<json::Value> run(Session& session, messaging::Client& client, const JobRequest& request,
                        bool quiet) {
  JobWatch watch = TRY(JobWatch::submit(session, client, request, quiet));
  return watch.wait();
}

/// All of them, before the first is submitted.
Result<std::vector<JobRequest>> requests_for(Verb verb, const std::vector<std::string>& names,
                                             const JobOptions& options, const JobFlags& flags) {
  std::vector<JobRequest> requests;
  for (const std::string& name : names) {
    JobRequest request = TRY(make_request(verb, name, flags));
    request.options = options;
    TRY(check_request(request));
    requests.push_back(std::move(request));
  }
  return requests;
}

/// The name of what the job has made or changed.
std::string made_by(const JobRequest& request, const json::Value& job) {
  if (request.verb == Verb::container_backup) {
    return std::string(job.at("result").at("backup").string_or(""));
  }
  return request.verb == Verb::volume_snapshot ? request.options.snapshot : request.target;
}

}  // namespace

Result<> outcome_of(const json::Value& job) {
  if (job.at("state").string_or("") == to_string(JobState::succeeded)) {
    return {};
  }
  return Failure(messaging::read_error(json::write(job.at("error"))));
}

Result<int> run_one(
    Session& session, const Result<JobRequest>& request, bool quiet,
    const std::function<void(const std::string& target, const json::Value& result)>& tell) {
  if (!request) {
    return wrong_usage(request.error());
  }
  messaging::Client client = TRY(session.connect());
  const json::Value job = TRY(run(session, client, *request, quiet));
  if (const Result<> outcome = outcome_of(job); !outcome) {
    return failed_job(outcome.error(), session.interrupt.first());
  }
  tell(request->target, job.at("result"));
  return kDone;
}

Result<int> run_for_each(Session& session, Verb verb, const std::vector<std::string>& names,
                         const JobOptions& options, const JobFlags& flags, const Remark& remark) {
  const Result<std::vector<JobRequest>> requests = requests_for(verb, names, options, flags);
  if (!requests) {
    return wrong_usage(requests.error());
  }
  messaging::Client client = TRY(session.connect());
  int code = kDone;
  for (const JobRequest& request : *requests) {
    const Result<json::Value> job = run(session, client, request, flags.quiet);
    if (!job && exit_code_of(job.error()) != kFailed) {
      return Failure(job.error());  // the next one would fare no better
    }
    const Result<> outcome = job ? outcome_of(*job) : Result<>(Failure(job.error()));
    if (outcome) {
      fmt::print("{}\n", made_by(request, *job));
      const std::string remarked = remark ? remark(request.target, job->at("result")) : "";
      if (!remarked.empty() && !flags.quiet) {
        fmt::print(stderr, "{}\n", remarked);
      }
    } else {
      code = failed_job(outcome.error(), session.interrupt.first());
    }
    if (session.interrupt.first().requested()) {
      return kInterrupted;
    }
  }
  return code;
}

}  // namespace drover::cli
