// drover adopt: makes a guest of Proxmox that came from another node a container of this one.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/exit_code.h"
#include "agent/cli/job_flags.h"
#include "agent/cli/job_run.h"
#include "agent/cli/spec_file.h"

namespace drover::cli {
namespace {

struct AdoptOptions {
  std::string name;
  std::string file;
  JobFlags flags;
};

Result<JobRequest> request_of(const AdoptOptions& options) {
  JobRequest request = TRY(make_request(Verb::container_adopt, options.name, options.flags));
  if (!options.file.empty()) {
    request.spec = TRY(read_spec_file(options.file));
  }
  TRY(check_request(request));
  return request;
}

Result<int> adopt(Session& session, const AdoptOptions& options) {
  return run_one(session, request_of(options), options.flags.quiet,
                 [](const std::string& name, const json::Value&) { fmt::print("{}\n", name); });
}

}  // namespace

void add_adopt(CLI::App& app, Action& action) {
  const auto options = std::make_shared<AdoptOptions>();
  CLI::App* command =
      app.add_subcommand("adopt", "Take in a guest of Proxmox that another node's Drover has made");
  command->add_option("NAME", options->name, "The container that the guest's tags name")
      ->required();
  command
      ->add_option(
          "--file", options->file,
          "Its spec: restart policy, probes, labels (default: what the guest itself tells)")
      ->check(CLI::ExistingFile)
      ->type_name("SPEC.json");
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return adopt(session, *options); };
  });
}

}  // namespace drover::cli
