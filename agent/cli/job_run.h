// Jobs whose end is all there is to wait for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/cli/command.h"
#include "agent/cli/job_flags.h"

namespace drover::cli {

/// The error of a job that failed or was cancelled; success for one that succeeded.
Result<> outcome_of(const json::Value& job);

/// One job of `verb` for each name, one after the other; prints the names of those that succeeded.
/// The exit code is that of the last failure. `remark`: what the result of one that succeeded has
/// to say beside that, for standard error; "" for nothing.
Result<int> run_for_each(Session& session, Verb verb, const std::vector<std::string>& names,
                         const JobOptions& options, const JobFlags& flags,
                         const std::function<std::string(const std::string& name,
                                                         const json::Value& result)>& remark = {});

}  // namespace drover::cli
