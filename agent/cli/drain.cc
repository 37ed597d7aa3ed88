// drover drain: the node takes no new containers, and with --stop ends those it has.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"
#include "agent/cli/job_watch.h"

namespace drover::cli {
namespace {

struct Options {
  bool stop = false;
  JobFlags flags;
};

/// Waits for the jobs that end the node's containers.
Result<int> wait_for_stops(Session& session, messaging::Client& client, const json::Value& stopping,
                           bool quiet) {
  int code = kDone;
  for (const json::Value& stop : *stopping.array()) {
    JobWatch watch =
        TRY(JobWatch::follow(session, client, std::string(stop.at("job").string_or("")), quiet));
    const json::Value job = TRY(watch.wait());
    if (const Result<> outcome = outcome_of(job); outcome) {
      fmt::print("{}\n", stop.at("container").string_or(""));
    } else {
      print_error(outcome.error());
      code = kFailed;
    }
  }
  return code;
}

Result<int> drain(Session& session, const Options& options) {
  messaging::Client client = TRY(session.connect());
  const json::Value node = TRY(client.node(session.interrupt.first()));
  const std::string name(node.at("node").string_or(""));
  JobRequest request = TRY(make_request(Verb::node_drain, name, options.flags));
  request.options.stop_containers = options.stop;
  JobWatch watch = TRY(JobWatch::submit(session, client, request, options.flags.quiet));
  const json::Value job = TRY(watch.wait());
  TRY(outcome_of(job));
  const json::Value& stopping = job.at("result").at("stopping");
  return stopping.array() == nullptr
             ? kDone
             : wait_for_stops(session, client, stopping, options.flags.quiet);
}

}  // namespace

void add_drain(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("drain", "Let the node take no new containers until it is undrained");
  const auto options = std::make_shared<Options>();
  command->add_flag("--stop", options->stop,
                    "Also stop the containers it has, and wait for their end");
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return drain(session, *options); };
  });
}

}  // namespace drover::cli
