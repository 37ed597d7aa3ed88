// drover migrate: has a container move to another node of its Proxmox cluster.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/exit_code.h"
#include "agent/cli/job_flags.h"
#include "agent/cli/job_run.h"
#include "agent/cli/text.h"

namespace drover::cli {
namespace {

struct MigrateOptions {
  std::string name;
  JobOptions options;
  JobFlags flags;
};

Result<JobRequest> request_to_migrate(const MigrateOptions& options) {
  JobRequest request = TRY(make_request(Verb::container_migrate, options.name, options.flags));
  request.options = options.options;
  TRY(check_request(request));
  return request;
}

void tell_where(const std::string& name, const json::Value& result) {
  const std::string node(result.at("to").string_or(""));
  const std::string_view warning = result.at("warning").string_or("");
  if (!warning.empty()) {
    fmt::print(stderr, "{}\n",
               printable(fmt::format("{} is on node {}, but: {}", name, node, warning)));
  }
  fmt::print(
      stderr, "{}\n",
      printable(fmt::format("{} is on node {} now; its Drover takes it in with `drover adopt {} "
                            "--file SPEC`, the spec being what this command prints",
                            name, node, name)));
}

Result<int> migrate(Session& session, const MigrateOptions& options) {
  const bool quiet = options.flags.quiet;
  return run_one(session, request_to_migrate(options), quiet,
                 [quiet](const std::string& name, const json::Value& result) {
                   if (!quiet) {
                     tell_where(name, result);
                   }
                   fmt::print("{}\n", json::write_pretty(result.at("spec")));
                 });
}

}  // namespace

void add_migrate(CLI::App& app, Action& action) {
  const auto options = std::make_shared<MigrateOptions>();
  CLI::App* command = app.add_subcommand(
      "migrate", "Move a container (of runtime pve-lxc) to another node of its Proxmox cluster");
  command->add_option("NAME", options->name, "The container")->required();
  command->add_option("--to", options->options.to, "The node, as the cluster calls it")
      ->required()
      ->type_name("NODE");
  command->add_flag("--restart", options->options.restart,
                    "Also one that runs: its program is ended, and started anew there");
  command
      ->add_option("--grace", options->options.grace_s,
                   "How long its program may take to end (default: its own)")
      ->type_name("SECONDS");
  command
      ->add_option("--storage", options->options.storage,
                   "Of all its volumes there (default: those they are on here)")
      ->type_name("STORAGE");
  add_job_flags(*command, options->flags);
  command->footer(
      std::string(
          "Prints the container's spec, for the node that it moves to:\n"
          "  drover migrate web --to pve2 | ssh pve2 drover adopt web --file /dev/stdin\n\n") +
      std::string(kExitStatus));
  command->callback([&action, options] {
    action = [options](Session& session) { return migrate(session, *options); };
  });
}

}  // namespace drover::cli
