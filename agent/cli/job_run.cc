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

}  // namespace

Result<> outcome_of(const json::Value& job) {
  if (job.at("state").string_or("") == to_string(JobState::succeeded)) {
    return {};
  }
  return Failure(messaging::read_error(json::write(job.at("error"))));
}

Result<int> run_for_each(
    Session& session, Verb verb, const std::vector<std::string>& names, const JobOptions& options,
    const JobFlags& flags,
    const std::function<std::string(const std::string&, const json::Value&)>& remark) {
  messaging::Client client = TRY(session.connect());
  int code = kDone;
  for (const std::string& name : names) {
    JobRequest request = TRY(make_request(verb, name, flags));
    request.options = options;
    const Result<json::Value> job = run(session, client, request, flags.quiet);
    if (!job && exit_code_of(job.error()) != kFailed) {
      return Failure(job.error());  // the next one would fare no better
    }
    const Result<> outcome = job ? outcome_of(*job) : Result<>(Failure(job.error()));
    if (outcome) {
      fmt::print("{}\n", name);
      const std::string remarked = remark ? remark(name, job->at("result")) : "";
      if (!remarked.empty() && !flags.quiet) {
        fmt::print(stderr, "{}\n", remarked);
      }
    } else {
      print_error(outcome.error());
      code = job && outcome.error().code == Code::timed_out ? kDeadline : kFailed;
    }
    if (session.interrupt.first().requested()) {
      return kInterrupted;
    }
  }
  return code;
}

}  // namespace drover::cli
