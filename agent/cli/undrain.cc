// drover undrain: a drained node takes containers again.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"
#include "agent/cli/job_watch.h"

namespace drover::cli {

void add_undrain(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "undrain", "Let a drained node take containers again; those that wait in backoff start");
  const auto flags = std::make_shared<JobFlags>();
  add_job_flags(*command, *flags);
  command->footer(kExitStatus);
  command->callback([&action, flags] {
    action = [flags](Session& session) -> Result<int> {
      messaging::Client client = TRY(session.connect());
      const json::Value node = TRY(client.node(session.interrupt.first()));
      const std::string name(node.at("node").string_or(""));
      const JobRequest request = TRY(make_request(Verb::node_undrain, name, *flags));
      JobWatch watch = TRY(JobWatch::submit(session, client, request, flags->quiet));
      const json::Value job = TRY(watch.wait());
      TRY(outcome_of(job));
      return kDone;
    };
  });
}

}  // namespace drover::cli
