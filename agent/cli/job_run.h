// Jobs whose end is all there is to wait for.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/command.h"
#include "agent/cli/job_flags.h"

namespace drover::cli {

/// The error of a job that failed or was cancelled; success for one that succeeded.
Result<> outcome_of(const json::Value& job);

/// One job of `verb` for each name, one after the other; prints the names of those that succeeded.
/// The exit code is that of the last failure.
Result<int> run_for_each(Session& session, Verb verb, const std::vector<std::string>& names,
                         const JobOptions& options, const JobFlags& flags);

}  // namespace drover::cli
