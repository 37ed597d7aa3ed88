// drover jobs: what the node was asked to do and how it went.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/node_answers.h"
#include "agent/cli/own_words.h"
#include "agent/cli/text.h"
#include "agent/core/verb.h"

namespace drover::cli {
namespace {

struct JobsOptions {
  std::string id;
  std::int64_t most = 20;
  bool json = false;
};

std::string text_of(const json::Value& job, std::string_view key) {
  return std::string(job.at(key).string_or("-"));
}

std::string took(const json::Value& job) {
  const std::int64_t ended = job.at("ended_at").integer_or(0);
  return ended == 0 ? "-" : duration(ended - job.at("created_at").integer_or(0));
}

Result<int> show_one(Session& session, const JobsOptions& options) {
  if (const Result<> checked = check_target(TargetKind::job, options.id); !checked) {
    return wrong_usage(checked.error());
  }
  messaging::Client client = TRY(session.connect_to(options.id));
  json::Value job = TRY(client.job(options.id, session.interrupt.first()));
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(job));
    return kDone;
  }
  for (const char* key : {"created_at", "ended_at", "retry_at"}) {
    write_time(job, key);
  }
  if (const std::string* message = job.at("error").at("message").string()) {
    job.object()->find("error")->object()->set("message", in_own_words(*message));
  }
  fmt::print("{}", outline(job));
  return kDone;
}

std::string sender_of(const json::Value& job) {
  const std::string via(job.at("via").string_or(""));
  return text_of(job, "sender") + (via.empty() ? "" : " by " + via);
}

Result<json::Array> jobs_of_node(Session& session, const JobsOptions& options) {
  messaging::Client client = TRY(session.connect());
  const json::Value jobs = TRY(client.jobs(options.most, session.interrupt.first()));
  return *jobs.array();
}

/// The newest of all nodes together.
Result<json::Array> jobs_of_cluster(Session& session, const JobsOptions& options, bool& whole) {
  messaging::Client client = TRY(session.connect_to_nodes("all"));
  const messaging::NodeAnswers answers = TRY(
      client.request_nodes("query.jobs", json::Object{{"most", options.most}},
                           client.in(client.options().query_timeout), session.interrupt.first()));
  OfNodes all = put_together(answers, "jobs");
  whole = all.whole;
  std::stable_sort(
      all.things.begin(), all.things.end(), [](const json::Value& one, const json::Value& other) {
        return one.at("created_at").integer_or(0) > other.at("created_at").integer_or(0);
      });
  if (all.things.size() > static_cast<std::size_t>(options.most)) {
    all.things.resize(static_cast<std::size_t>(options.most));
  }
  return std::move(all.things);
}

Result<int> show_list(Session& session, const JobsOptions& options) {
  bool whole = true;
  const json::Array jobs = TRY(session.is_cluster() ? jobs_of_cluster(session, options, whole)
                                                    : jobs_of_node(session, options));
  const int code = whole ? kDone : kFailed;
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(jobs));
    return code;
  }
  const std::int64_t now = system::SystemClock().unix_ms();
  std::vector<std::vector<std::string>> rows = {
      {"ID", "VERB", "TARGET", "STATE", "SENDER", "CREATED", "TOOK", "ERROR"}};
  if (session.is_cluster()) {
    rows.front().insert(rows.front().begin(), "NODE");
  }
  for (const json::Value& job : jobs) {
    rows.push_back({text_of(job, "id"), text_of(job, "verb"), text_of(job, "target"),
                    text_of(job, "state"), sender_of(job),
                    short_time(job.at("created_at").integer_or(0), now), took(job),
                    in_own_words(job.at("error").at("message").string_or(""))});
    if (session.is_cluster()) {
      rows.back().insert(rows.back().begin(), text_of(job, "node"));
    }
  }
  fmt::print("{}", table(rows));
  return code;
}

}  // namespace

void add_jobs(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("jobs", "List the newest jobs, or show one with its steps");
  const auto options = std::make_shared<JobsOptions>();
  command->add_option("ID", options->id, "The job to show");
  command->add_option("-n,--most", options->most, "How many to list (default: 20)")
      ->check(CLI::Range(1, 1000))
      ->type_name("NUMBER");
  command->add_flag("--json", options->json, "As JSON");
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) {
      return options->id.empty() ? show_list(session, *options) : show_one(session, *options);
    };
  });
}

}  // namespace drover::cli
