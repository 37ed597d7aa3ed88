// MonitoredSessions: programs inside containers, each below drover-exec, its monitor. The same for
// every runtime, but for how one is begun.
#pragma once

#include <functional>
#include <memory>

#include "runtimes/runtime.h"
#include "runtimes/sessions/session_files.h"
#include "runtimes/sessions/session_plan.h"

namespace drover::runtimes {

struct SessionOptions {
  Path program;  ///< drover-exec
  LogBounds log{};
};

/// What a session is begun by: the container has to run, what is needed is written to the folder.
using MakeStart =
    std::function<Result<SessionStart>(const Container& container, const ExecRequest& request,
                                       const SessionFiles& files, const Stop& stop)>;

class MonitoredSessions final : public ExecSessions {
 public:
  /// `runtime` is asked whether the container runs when a program could not be begun; it must
  /// outlive this.
  MonitoredSessions(Runtime& runtime, Layout layout, SessionOptions options, MakeStart make_start)
      : runtime_(runtime),
        layout_(std::move(layout)),
        options_(std::move(options)),
        make_start_(std::move(make_start)) {}

  Result<> begin(const Container& container, const JobId& job, const ExecRequest& request,
                 const Stop& stop) override;
  Result<bool> begun(const JobId& job) override;
  Result<int> await(const JobId& job, const Stop& stop) override;
  Result<> end(const JobId& job, std::chrono::milliseconds patience) override;
  Result<> forget(const JobId& job) override;
  Result<std::unique_ptr<ProgramInput>> open_input(const JobId& job) override;
  Result<> resize_terminal(const JobId& job, const TerminalSize& size) override;
  void end_others(const std::function<bool(const JobId& job)>& is_wanted) override;

 private:
  SessionFiles files_of(const JobId& job) const { return SessionFiles(layout_.session(job)); }
  Result<> begin_in(const SessionFiles& files, const Container& container, const JobId& job,
                    const ExecRequest& request, const Stop& stop) const;
  /// Sends SIGKILL, and gives what is at its end when the program has ended; nothing of one that
  /// has no monitor any more.
  static Result<system::UniqueFd> kill(const SessionFiles& files);
  Result<SessionPlan> plan_of(const JobId& job) const;
  Result<system::UniqueFd> connect(const JobId& job) const;

  Runtime& runtime_;
  Layout layout_;
  SessionOptions options_;
  MakeStart make_start_;
};

}  // namespace drover::runtimes
