// drover leaks: what is on the node and nobody knows any more.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/node_job.h"
#include "agent/cli/text.h"

namespace drover::cli {
namespace {

struct LeaksOptions {
  bool json = false;
  bool collect = false;
  std::vector<std::string> names;
  JobFlags flags;
};

std::string word(const json::Value& leak, std::string_view key) {
  const std::string text(leak.at(key).string_or(""));
  return text.empty() ? "-" : text;
}

Result<int> list_leaks(Session& session, const LeaksOptions& options) {
  messaging::Client client = TRY(session.connect());
  const json::Value leaks = TRY(client.leaks(session.interrupt.first()));
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(leaks));
    return kDone;
  }
  const std::int64_t now = system::SystemClock().unix_ms();
  std::vector<std::vector<std::string>> rows = {
      {"KIND", "NAME", "CONTAINER", "SEEN", "COLLECTED", "WHY"}};
  for (const json::Value& leak : *leaks.array()) {
    const std::int64_t at = leak.at("collect_at").integer_or(0);
    rows.push_back({word(leak, "kind"), word(leak, "name"), word(leak, "container"),
                    short_time(leak.at("seen_at").integer_or(0), now),
                    at == 0 ? "by order" : short_time(at, now),
                    std::string(leak.at("message").string_or(""))});
  }
  fmt::print("{}", table(rows));
  return kDone;
}

Result<int> collect_leaks(Session& session, const LeaksOptions& options) {
  messaging::Client client = TRY(session.connect());
  JobOptions job;
  job.leaks = options.names;
  const NodeJob done = TRY(run_node_job(session, client, Verb::node_collect, job, options.flags));
  if (!done.result) {
    return failed_job(done.result.error(), session.interrupt.first());
  }
  if (const json::Array* leaks = done.result->at("collecting").array()) {
    if (leaks->empty()) {
      fmt::print(stderr, "nothing is told as leaked; droverd looks once in reconcile.every_s\n");
    }
    for (const json::Value& leak : *leaks) {
      fmt::print("{}\n", printable(leak.at("name").string_or("")));
    }
  }
  return kDone;
}

}  // namespace

void add_leaks(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "leaks", "List what was made for containers and is known to no job any more");
  const auto options = std::make_shared<LeaksOptions>();
  command->add_flag("--json", options->json, "As a JSON array");
  CLI::Option* collect = command->add_flag(
      "--collect", options->collect,
      "Take them away now, and not only when their time has come; events tell how it went");
  command
      ->add_option("NAME", options->names,
                   "Only these, also those that are taken away by order alone")
      ->needs(collect);
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) {
      return options->collect ? collect_leaks(session, *options) : list_leaks(session, *options);
    };
  });
}

}  // namespace drover::cli
