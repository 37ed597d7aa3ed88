// ExecSessions: programs that are run inside a container beside its own, each by a job, under a
// monitor of its own that goes on when the agent ends.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/ids.h"
#include "agent/core/result.h"
#include "agent/core/terminal_size.h"
#include "agent/system/stop.h"
#include "runtimes/container.h"
#include "runtimes/program_input.h"

namespace drover::runtimes {

using drover::TerminalSize;

struct ExecRequest {
  std::vector<std::string> command;
  std::map<std::string, std::string> env;
  std::string cwd;
  std::string user;
  /// Its standard input is what Runtime::open_input gives; else it reads /dev/null.
  bool input = false;
  /// It has a terminal of this size, and prints both streams there.
  std::optional<TerminalSize> terminal{};
};

/// They may be called from several threads at once; `begin` and `await` end with `cancelled` soon
/// after `stop` was requested.
class ExecSessions {
 public:
  virtual ~ExecSessions() = default;
  /// Begins it; what it prints goes to Layout::job_log of the job, as lines of the k8s-file format,
  /// in several files once one is full. Legal from running. `conflict` when the job has one. What a
  /// failed one had begun is undone.
  virtual Result<> begin(const Container& container, const JobId& job, const ExecRequest& request,
                         const system::Stop& stop) = 0;
  /// Whether the job has one, which runs or has ended and was not forgotten; also of an earlier
  /// agent.
  virtual Result<bool> begun(const JobId& job) = 0;
  /// Waits for its end and gives its exit code (128 + N for signal N); what it printed is whole in
  /// the log then. `not_found` when the job has none; `broken` when it ended and nobody knows how.
  virtual Result<int> await(const JobId& job, const system::Stop& stop) = 0;
  /// SIGKILL to it and its children. One that has ended, or was never begun, is success;
  /// `unavailable` when it has not ended after `patience`, as in a container that is paused: there
  /// it ends once that is resumed.
  virtual Result<> end(const JobId& job, std::chrono::milliseconds patience) = 0;
  /// Takes away all that is kept of one that has ended, but the log.
  virtual Result<> forget(const JobId& job) = 0;
  /// What it reads: `conflict` when it was not asked for with `input`, `not_found` when it has
  /// ended. Quick.
  virtual Result<std::unique_ptr<ProgramInput>> open_input(const JobId& job) = 0;
  /// Of its terminal: `conflict` when it has none, `not_found` when it has ended. Quick.
  virtual Result<> resize_terminal(const JobId& job, const TerminalSize& size) = 0;
  /// Ends and forgets those of jobs that nobody wants any more, as an agent that has just begun
  /// may find them. Those of all runtimes that keep theirs in the same place. It takes two seconds
  /// at the very most: what has not ended by then is left for the next time.
  virtual void end_others(const std::function<bool(const JobId& job)>& is_wanted) = 0;
};

}  // namespace drover::runtimes
