// drover jobs: what the node was asked to do and how it went.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
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
  messaging::Client client = TRY(session.connect());
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

Result<int> show_list(Session& session, const JobsOptions& options) {
  messaging::Client client = TRY(session.connect());
  const json::Value jobs = TRY(client.jobs(options.most, session.interrupt.first()));
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(jobs));
    return kDone;
  }
  const std::int64_t now = system::SystemClock().unix_ms();
  std::vector<std::vector<std::string>> rows = {
      {"ID", "VERB", "TARGET", "STATE", "SENDER", "CREATED", "TOOK", "ERROR"}};
  for (const json::Value& job : *jobs.array()) {
    rows.push_back({text_of(job, "id"), text_of(job, "verb"), text_of(job, "target"),
                    text_of(job, "state"), text_of(job, "sender"),
                    short_time(job.at("created_at").integer_or(0), now), took(job),
                    in_own_words(job.at("error").at("message").string_or(""))});
  }
  fmt::print("{}", table(rows));
  return kDone;
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
