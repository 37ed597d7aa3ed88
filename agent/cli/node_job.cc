#include "agent/cli/node_job.h"

#include "agent/cli/job_run.h"
#include "agent/cli/job_watch.h"

namespace drover::cli {

Result<NodeJob> run_node_job(Session& session, messaging::Client& client, Verb verb,
                             const JobOptions& options, const JobFlags& flags) {
  json::Value before = TRY(client.node(session.interrupt.first()));
  const std::string name(before.at("node").string_or(""));
  JobRequest request = TRY(make_request(verb, name, flags));
  request.options = options;
  JobWatch watch = TRY(JobWatch::submit(session, client, request, flags.quiet));
  const json::Value job = TRY(watch.wait());
  const Result<> outcome = outcome_of(job);
  return NodeJob{std::move(before),
                 outcome ? Result<json::Value>(job.at("result")) : Failure(outcome.error())};
}

}  // namespace drover::cli
