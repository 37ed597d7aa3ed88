// Commands that submit one job for each thing they name, and wait for its end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/cli/command.h"
#include "agent/cli/job_flags.h"
#include "agent/cli/job_run.h"
#include "agent/core/job_options.h"

namespace drover::cli {

struct JobCommand {
  const char* name;
  const char* about;
  Verb verb;
  Remark remark = {};
};

/// What its line fills in.
struct JobArguments {
  std::vector<std::string> targets;
  JobOptions options;
  JobFlags flags;
};

/// Adds the command with its job flags; what names the targets, and what fills the options, is for
/// the caller to add.
CLI::App* add_job_command(CLI::App& group, Action& action, const JobCommand& command,
                          const std::shared_ptr<JobArguments>& arguments);
/// The same with the argument `target` ("NAME") for as many as there are.
CLI::App* add_job_command(CLI::App& group, Action& action, const JobCommand& command,
                          const std::shared_ptr<JobArguments>& arguments, const char* target,
                          const char* targets);

}  // namespace drover::cli
