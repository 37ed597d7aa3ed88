#include "runtimes/sessions/session_monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "agent/system/child.h"
#include "agent/system/clock.h"
#include "agent/system/window_size.h"
#include "runtimes/oci/pid_file.h"
#include "runtimes/output_log.h"
#include "runtimes/sessions/begun_program.h"
#include "runtimes/sessions/input_server.h"
#include "runtimes/sessions/session_files.h"
#include "runtimes/sessions/session_plan.h"
#include "runtimes/sessions/session_processes.h"

namespace drover::exec {
namespace {

using runtimes::SessionFiles;
using system::UniqueFd;

class Session {
 public:
  Session(runtimes::OutputLog log, BegunProgram program, system::Child child, UniqueFd listener)
      : log_(std::move(log)),
        program_(std::move(program)),
        child_(std::move(child)),
        server_(std::move(listener), {[this](const TerminalSize& size) { resize(size); },
                                      [this] { runtimes::end_session_of(child_.pid()); }}) {
    if (program_.in.valid()) {
      server_.serve(std::move(program_.in), program_.terminal.valid());
    }
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Its exit code.
  int watch() {
    for (;;) {
      std::vector<pollfd> fds = {{child_.pidfd(), POLLIN, 0},
                                 {program_.out.get(), POLLIN, 0},
                                 {program_.err.get(), POLLIN, 0}};
      const std::size_t servers = fds.size();
      server_.watch(fds);
      if (poll(fds.data(), fds.size(), -1) < 0) {
        continue;
      }
      if (fds[1].revents != 0) {
        take(program_.out, "stdout");
      }
      if (fds[2].revents != 0) {
        take(program_.err, "stderr");
      }
      server_.handle(fds, servers);
      if (fds[0].revents != 0) {
        return finish();
      }
    }
  }

 private:
  void resize(const TerminalSize& size) {
    if (program_.terminal.valid()) {
      system::set_window_size(program_.terminal.get(), size);
    }
  }

  /// False when there is nothing to read.
  bool take(UniqueFd& from, std::string_view stream) {
    std::array<char, 65536> buffer;
    const ssize_t size = ::read(from.get(), buffer.data(), buffer.size());
    if (size > 0) {
      // A full disk must not stop the program: what cannot be kept is lost.
      [[maybe_unused]] const Result<> kept =
          log_.write(stream, std::string_view(buffer.data(), static_cast<std::size_t>(size)));
      if (program_.terminal.valid()) {
        // A person waits for it, as for a prompt, though its line has no end yet.
        [[maybe_unused]] const Result<> shown = log_.finish();
      }
      return true;
    }
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
      from.reset();
    }
    return false;
  }

  /// What it had printed when it ended, and no more: children that it has left may go on for ever,
  /// and what they print goes nowhere.
  void drain(UniqueFd& from, std::string_view stream) {
    // More than a pipe of the usual size, or a terminal, holds.
    constexpr int kMostReads = 32;
    if (from.valid()) {
      fcntl(from.get(), F_SETFL, fcntl(from.get(), F_GETFL) | O_NONBLOCK);
    }
    for (int reads = 0; from.valid() && reads < kMostReads && take(from, stream); ++reads) {
    }
  }

  int finish() {
    const system::Stop never;
    const Result<system::Ending> ending = child_.wait(never);
    drain(program_.out, "stdout");
    drain(program_.err, "stderr");
    [[maybe_unused]] const Result<> finished = log_.finish();
    return ending ? ending->code : 128 + SIGKILL;
  }

  runtimes::OutputLog log_;
  BegunProgram program_;
  system::Child child_;
  runtimes::InputServer server_;
};

Result<BegunProgram> begin_program(const runtimes::SessionPlan& plan, const SessionFiles& files) {
  // What the runtime leaves behind is this process's to wait for.
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
    return fail(Code::broken, "become a subreaper: {}", std::strerror(errno));
  }
  // From here on it may have been begun, whatever becomes of this process.
  TRY(system::write_atomically(files.begun(), "", 0600));
  return std::holds_alternative<runtimes::OciStart>(plan.start) ? begin_by_oci(plan, files)
                                                                : begin_by_lxc(plan);
}

/// Notes which process it is, and stays with it until it has ended.
Result<> stay_with(BegunProgram program, const SessionFiles& files, runtimes::OutputLog log,
                   UniqueFd& listener, const system::Started& started) {
  TRY(system::write_atomically(files.pid(), std::to_string(program.pid), 0600));
  TRY(runtimes::keep_start_time(files.pid()));
  system::Child child = TRY(system::Child::adopt(program.pid));
  started({});
  Session session(std::move(log), std::move(program), std::move(child), std::move(listener));
  // While the socket is open: whoever waits for its end finds the outcome then.
  return write_outcome(files, session.watch());
}

Result<> run_program(const SessionFiles& files, UniqueFd& listener, system::SystemClock& clock,
                     const system::Started& started) {
  const std::string text = TRY(system::read_file(files.plan()));
  const json::Value value = TRY(json::parse(text));
  const runtimes::SessionPlan plan = TRY(runtimes::session_plan_from(value));
  runtimes::OutputLog log = TRY(runtimes::OutputLog::append(plan.log, clock, plan.log_bounds));
  BegunProgram program = TRY(begin_program(plan, files));
  const pid_t pid = program.pid;
  Result<> stayed = stay_with(std::move(program), files, std::move(log), listener, started);
  if (!stayed) {
    runtimes::end_session_of(pid);
  }
  return stayed;
}

}  // namespace

void run_session(const system::Path& folder, UniqueFd listener, const system::Started& started) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  const SessionFiles files(folder);
  system::SystemClock clock;
  const Result<> ran = run_program(files, listener, clock, started);
  if (!ran) {
    [[maybe_unused]] const Result<> written = write_outcome(files, Failure(ran.error()));
    started(ran);
  }
}

}  // namespace drover::exec
