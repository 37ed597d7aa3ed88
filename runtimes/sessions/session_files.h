// SessionFiles: what is kept of one program that a job runs inside a container, in the folder
// Layout::session of the job.
#pragma once

#include <optional>

#include "agent/core/result.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"

namespace drover::runtimes {

struct SessionFiles {
  explicit SessionFiles(system::Path path) : folder(std::move(path)) {}

  system::Path folder;
  /// What its monitor was told (session_plan.h).
  system::Path plan() const { return folder / "plan"; }
  /// Of runc and crun: "process" of the OCI runtime specification, the pid file that the runtime
  /// writes, and what it said.
  system::Path process() const { return folder / "process.json"; }
  system::Path runtime_pid() const { return folder / "runtime.pid"; }
  system::Path runtime_log() const { return folder / "runtime.log"; }
  /// Stands there from before the program begins: that it may have.
  system::Path begun() const { return folder / "begun"; }
  /// The program's pid, with its start time beside it (pid_file.h).
  system::Path pid() const { return folder / "pid"; }
  /// How it went, written when there is nothing else left to do.
  system::Path outcome() const { return folder / "outcome"; }
};

/// `broken` for what is the name of none.
Code code_named(std::string_view name);
/// The exit code, or why the program could not be begun.
Result<> write_outcome(const SessionFiles& files, const Result<int>& outcome);
/// None when there is none yet.
std::optional<Result<int>> read_outcome(const SessionFiles& files);

}  // namespace drover::runtimes
