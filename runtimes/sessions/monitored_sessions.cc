#include "runtimes/sessions/monitored_sessions.h"

#include <chrono>
#include <filesystem>

#include "agent/system/child.h"
#include "agent/system/crash_point.h"
#include "agent/system/sealed_program.h"
#include "runtimes/oci/pid_file.h"
#include "runtimes/oci/wait_for.h"
#include "runtimes/sessions/session_input.h"
#include "runtimes/sessions/session_processes.h"
#include "runtimes/sessions/session_socket.h"

namespace drover::runtimes {
namespace {

constexpr std::chrono::seconds kBeginTime{60};
/// What is killed may be stuck in the kernel.
constexpr std::chrono::seconds kUndoneEndTime{20};
/// Of all that nobody wants any more together: an agent that begins waits for it.
constexpr std::chrono::seconds kOthersEndTime{2};
constexpr auto kForEver = std::chrono::hours(24);

bool is_there(const Path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

Failure no_session(const JobId& job) {
  return fail(Code::not_found, "job {} runs no program in a container", job.str());
}

/// Where `monitor` is one, whether it has come to its end by the deadline.
Result<bool> has_ended(const system::UniqueFd& monitor,
                       std::chrono::steady_clock::time_point deadline) {
  const Stop never;
  return monitor.valid() ? wait_for(monitor.get(), never, deadline) : true;
}

/// What an earlier attempt of the job has printed.
Result<> clear_log(const Path& log) {
  TRY(system::make_folders(log.parent_path(), 0700));
  for (const Path& part : system::children_of(log.parent_path())) {
    TRY(system::remove_tree(part));
  }
  return {};
}

}  // namespace

Result<> MonitoredSessions::begin(const Container& container, const JobId& job,
                                  const ExecRequest& request, const Stop& stop) {
  const std::string what =
      fmt::format("run {} in container {}", request.command.empty() ? "" : request.command.front(),
                  container.name.str());
  if (request.command.empty() || request.command.front().empty()) {
    return fail(Code::invalid, "{}: no program named", what);
  }
  TRY(stop.check(what));
  if (TRY(begun(job))) {
    return fail(Code::conflict, "{}: job {} runs one already", what, job.str());
  }
  const SessionFiles files = files_of(job);
  Result<> begun = begin_in(files, container, job, request, stop);
  if (begun) {
    return begun;
  }
  Error error = Error(begun.error()).context(what);
  Result<> undone = end(job, kUndoneEndTime);
  undone = undone ? system::remove_tree(files.folder) : undone;
  if (!undone) {
    error.message += "; then, while undoing it: " + undone.error().message;
  }
  return Failure(std::move(error));
}

Result<> MonitoredSessions::begin_in(const SessionFiles& files, const Container& container,
                                     const JobId& job, const ExecRequest& request,
                                     const Stop& stop) const {
  TRY(system::remove_tree(files.folder));
  TRY(system::make_folders(files.folder, 0700));
  SessionStart start = TRY(make_start_(container, request, files, stop));
  SessionPlan plan{layout_.job_log(job), bounds_of(container.spec.log, options_.log), request.input,
                   request.terminal, std::move(start)};
  TRY(clear_log(plan.log));
  TRY(system::write_atomically(files.plan(), json::write(to_json(plan)), 0600));
  const system::UniqueFd listener = TRY(listen_at(files.folder));
  system::crash_point("exec before its monitor");
  system::RunOptions options;
  options.timeout = kBeginTime;
  options.child.descriptors = {{listener.get(), kSessionListener}};
  std::optional<system::SealedProgram> sealed;
  if (std::holds_alternative<LxcStart>(plan.start)) {
    system::SealedProgram program = TRY(system::SealedProgram::open(options_.program));
    sealed.emplace(std::move(program));
    options.child.program = sealed->path();
  }
  const system::Output said =
      TRY(system::run({options_.program.native(), files.folder.native()}, stop, options));
  system::crash_point("exec with its monitor");
  if (said.ending.code == 0) {
    return {};
  }
  const std::optional<Result<int>> outcome = read_outcome(files);
  Error why = outcome && !*outcome ? outcome->error()
                                   : Error{Code::broken, std::string(said.last_line()), {}};
  if (why.code == Code::broken) {
    const Result<State> now = runtime_.state(container, stop);
    why.code = now && now->status == Status::running ? Code::invalid : Code::conflict;
  }
  return Failure(std::move(why));
}

Result<bool> MonitoredSessions::begun(const JobId& job) {
  const SessionFiles files = files_of(job);
  const system::UniqueFd monitor = TRY(connect_to(files.folder));
  return monitor.valid() || is_there(files.begun());
}

Result<int> MonitoredSessions::await(const JobId& job, const Stop& stop) {
  const SessionFiles files = files_of(job);
  const system::UniqueFd monitor = TRY(connect_to(files.folder));
  while (monitor.valid() &&
         !TRY(wait_for(monitor.get(), stop, std::chrono::steady_clock::now() + kForEver))) {
  }
  if (const std::optional<Result<int>> outcome = read_outcome(files)) {
    return *outcome;
  }
  if (!is_there(files.begun())) {
    return no_session(job);
  }
  return fail(Code::broken,
              "the monitor of what job {} runs ended before it, as with the machine, so how it "
              "ended is not known: look what it has done before you run it again",
              job.str());
}

Result<> MonitoredSessions::end(const JobId& job, std::chrono::milliseconds patience) {
  const system::UniqueFd monitor = TRY(kill(files_of(job)));
  if (!TRY(has_ended(monitor, std::chrono::steady_clock::now() + patience))) {
    return fail(Code::unavailable,
                "what job {} runs does not end by SIGKILL; where its container is paused, it will "
                "once that is resumed",
                job.str());
  }
  return {};
}

Result<system::UniqueFd> MonitoredSessions::kill(const SessionFiles& files) {
  system::UniqueFd monitor = TRY(connect_to(files.folder));
  if (monitor.valid()) {
    const Result<> told = send_record(monitor.get(), SessionRecord::end);
    return told || told.error().code == Code::not_found
               ? Result<system::UniqueFd>(std::move(monitor))
               : Failure(told.error());
  }
  // Its monitor has ended before it.
  const system::UniqueFd process = open_in(files.pid());
  if (process.valid()) {
    end_session_of(pid_in(files.pid()));
  }
  return monitor;
}

Result<> MonitoredSessions::forget(const JobId& job) {
  const SessionFiles files = files_of(job);
  const system::UniqueFd monitor = TRY(connect_to(files.folder));
  if (monitor.valid()) {
    return fail(Code::conflict, "what job {} runs in a container has not ended", job.str());
  }
  return system::remove_tree(files.folder);
}

void MonitoredSessions::end_others(const std::function<bool(const JobId& job)>& is_wanted) {
  // All have SIGKILL before one of them is waited for.
  std::vector<std::pair<JobId, system::UniqueFd>> killed;
  for (const Path& folder : system::children_of(layout_.sessions())) {
    const Result<JobId> job = JobId::parse(folder.filename().native());
    if (job && !is_wanted(*job)) {
      Result<system::UniqueFd> monitor = kill(files_of(*job));
      if (monitor) {
        killed.emplace_back(*job, std::move(*monitor));
      }
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + kOthersEndTime;
  for (const auto& [job, monitor] : killed) {
    if (has_ended(monitor, deadline).value_or(false)) {
      [[maybe_unused]] const Result<> forgotten = forget(job);
    }
  }
}

Result<SessionPlan> MonitoredSessions::plan_of(const JobId& job) const {
  const Result<std::string> text = system::read_file(files_of(job).plan());
  if (!text) {
    return text.error().code == Code::not_found ? no_session(job) : Failure(text.error());
  }
  return session_plan_from(TRY(json::parse(*text)));
}

Result<system::UniqueFd> MonitoredSessions::connect(const JobId& job) const {
  system::UniqueFd monitor = TRY(connect_to(layout_.session(job)));
  return monitor.valid() ? Result<system::UniqueFd>(std::move(monitor))
                         : fail(Code::not_found, "what job {} runs has ended", job.str());
}

Result<std::unique_ptr<ProgramInput>> MonitoredSessions::open_input(const JobId& job) {
  const SessionPlan plan = TRY(plan_of(job));
  if (!plan.input) {
    return fail(Code::conflict,
                "what job {} runs reads no input: it was not asked for with \"stdin\"", job.str());
  }
  return std::make_unique<SessionInput>(TRY(connect(job)));
}

Result<> MonitoredSessions::resize_terminal(const JobId& job, const TerminalSize& size) {
  const SessionPlan plan = TRY(plan_of(job));
  if (!plan.terminal) {
    return fail(Code::conflict,
                "what job {} runs has no terminal: it was not asked for with \"terminal\"",
                job.str());
  }
  return send_size(TRY(connect(job)).get(), size);
}

}  // namespace drover::runtimes
