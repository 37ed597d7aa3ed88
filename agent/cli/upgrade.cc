// drover upgrade: gives containers another image, and puts them back to the one that they had.
#include <fmt/format.h>

#include <CLI/App.hpp>

#include "agent/cli/exit_code.h"
#include "agent/cli/job_command.h"

namespace drover::cli {
namespace {

std::string remark_on_same(const std::string& name, const json::Value& result) {
  return result.at("changed").boolean_or(true)
             ? ""
             : fmt::format("{}: it has this image already, and runs on", name);
}

}  // namespace

void add_upgrade(CLI::App& app, Action& action) {
  const auto arguments = std::make_shared<JobArguments>();
  JobOptions& options = arguments->options;
  CLI::App* command =
      add_job_command(app, action,
                      {"upgrade", "Give containers another image; volumes, network and name stay",
                       Verb::container_upgrade, remark_on_same},
                      arguments, "NAME", "Containers");
  // One of them; the parser counts the options of a group.
  CLI::Option_group* wish = command->add_option_group("What to do");
  wish->add_option("--image", options.image,
                   "The image, looked after where it comes from also if its name is known here")
      ->type_name("REFERENCE");
  wish->add_flag("--rollback", options.rollback,
                 "Back to the former image, with what was written to its root then");
  wish->add_flag("--forget", options.forget, "Keep the former image no more");
  wish->require_option(1);
  command
      ->add_option("--watch", options.watch_s,
                   "How long the new program has to show that it runs, before it is kept (default: "
                   "until its probes succeed, at most 60; 3 without probes)")
      ->check(CLI::Range(0, 3600))
      ->type_name("SECONDS");
  command
      ->add_option("--grace", options.grace_s,
                   "Seconds before SIGKILL (default: the container's own)")
      ->check(CLI::Range(0, 86400))
      ->type_name("SECONDS");
  command->footer(
      std::string("What a program has written outside of volumes stays with the image that it ran "
                  "on, for --rollback.\nOne that does not start or is not healthy in time has its "
                  "former image again at once.\n\n") +
      std::string(kExitStatus));
}

}  // namespace drover::cli
