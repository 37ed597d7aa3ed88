// Jobs whose end is all there is to wait for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/cli/command.h"
#include "agent/cli/job_flags.h"

namespace drover::cli {

/// The node, or of a cluster the one that the job is for: where the container or the job is that it
/// is about, or whichever --to names.
Result<messaging::Client> connect_for(const Session& session, const JobRequest& request);

/// Hands the job to every node of a cluster that --to means, and waits for the end of each; prints
/// "NODE THING" of those that succeeded. The exit code is that of the last failure.
Result<int> run_on_nodes(Session& session, messaging::Client& client, const JobRequest& request,
                         bool quiet);

/// The error of a job that failed or was cancelled; success for one that succeeded.
Result<> outcome_of(const json::Value& job);

/// One job to its end, in words of `tell` when it has succeeded.
Result<int> run_one(
    Session& session, const Result<JobRequest>& request, bool quiet,
    const std::function<void(const std::string& target, const json::Value& result)>& tell);

/// What the result of a job that succeeded has to say, for standard error, beside the name of its
/// target; "" for nothing.
using Remark = std::function<std::string(const std::string& target, const json::Value& result)>;

/// One job of `verb` for each name, one after the other; prints the names of what those have made
/// or changed that succeeded. The exit code is that of the last failure; kUsage, with none
/// submitted, when one of them cannot be asked for.
Result<int> run_for_each(Session& session, Verb verb, const std::vector<std::string>& names,
                         const JobOptions& options, const JobFlags& flags,
                         const Remark& remark = {});

}  // namespace drover::cli
