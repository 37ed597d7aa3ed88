#include "agent/cli/job_run.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>

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

/// --to means several nodes, or may.
bool is_for_nodes(const Session& session) {
  const std::string& target = session.node.target();
  return session.is_cluster() && !target.empty() && target != "any" && !names_one_node(target);
}

/// The same job, which is on that node, to its end.
Result<int> follow_on_node(Session& session, const messaging::Client& client,
                           const JobRequest& request, const std::string& node, bool quiet) {
  messaging::Client one = client.another();
  one.set_target(node);
  JobWatch watch = TRY(JobWatch::follow(session, one, request.id.str(), quiet));
  const json::Value job = TRY(watch.wait());
  if (const Result<> outcome = outcome_of(job).context("node " + node); !outcome) {
    return failed_job(outcome.error(), session.interrupt.first());
  }
  fmt::print("{} {}\n", node, made_by(request, job));
  return kDone;
}

}  // namespace

Result<messaging::Client> connect_for(const Session& session, const JobRequest& request) {
  const TargetKind kind = target_kind_of(request.verb);
  const bool is_found = kind == TargetKind::container || kind == TargetKind::job;
  return is_found && !makes_container(request.verb) && request.verb != Verb::container_adopt
             ? session.connect_to(request.target)
             : session.connect();
}

Result<int> run_on_nodes(Session& session, messaging::Client& client, const JobRequest& request,
                         bool quiet) {
  constexpr std::chrono::seconds kTimeOfNodes{60};
  const messaging::NodeAnswers sent =
      TRY(client.submit_to_nodes(request, client.in(kTimeOfNodes), session.interrupt.first()));
  int code = kDone;
  for (const std::string& name : sent.unknown) {
    print_error(Error{Code::not_found, fmt::format("{}: no node is called so", name), {}});
    code = kFailed;
  }
  if (sent.nodes.empty()) {
    return fail(Code::not_found, "no node of the cluster is meant by --to {}", client.target());
  }
  for (const auto& [node, answer] : sent.answers) {
    const Result<int> ended =
        answer ? follow_on_node(session, client, request, node, quiet)
               : Result<int>(Failure(Error(answer.error()).context("node " + node)));
    if (!ended && ended.error().code == Code::cancelled) {
      return ended;
    }
    if (!ended) {
      print_error(ended.error());
    }
    const int own = ended ? *ended : exit_code_of(ended.error());
    code = own == kDone ? code : own;
  }
  return code;
}

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
  messaging::Client client = TRY(connect_for(session, *request));
  const json::Value job = TRY(run(session, client, *request, quiet));
  if (const Result<> outcome = outcome_of(job); !outcome) {
    return failed_job(outcome.error(), session.interrupt.first());
  }
  tell(request->target, job.at("result"));
  return kDone;
}

namespace {

Result<int> run_each_on_nodes(Session& session, const std::vector<JobRequest>& requests,
                              bool quiet) {
  messaging::Client client = TRY(session.connect_to_nodes("all"));
  int code = kDone;
  for (const JobRequest& request : requests) {
    const int own = TRY(run_on_nodes(session, client, request, quiet));
    code = own == kDone ? code : own;
  }
  return code;
}

}  // namespace

Result<int> run_for_each(Session& session, Verb verb, const std::vector<std::string>& names,
                         const JobOptions& options, const JobFlags& flags, const Remark& remark) {
  const Result<std::vector<JobRequest>> requests = requests_for(verb, names, options, flags);
  if (!requests) {
    return wrong_usage(requests.error());
  }
  if (is_for_nodes(session)) {
    return run_each_on_nodes(session, *requests, flags.quiet);
  }
  std::optional<Result<messaging::Client>> client;
  int code = kDone;
  for (const JobRequest& request : *requests) {
    if (!client || session.is_cluster()) {
      client = connect_for(session, request);
    }
    const Result<json::Value> job = *client ? run(session, **client, request, flags.quiet)
                                            : Result<json::Value>(Failure(client->error()));
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
