#include "runtimes/lxc/monitor.h"

#include <fcntl.h>
#include <lxc/lxccontainer.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/system/clock.h"
#include "agent/system/pipe.h"
#include "agent/system/process.h"
#include "agent/system/window_size.h"
#include "runtimes/journal_log.h"
#include "runtimes/lxc/own_terminal.h"
#include "runtimes/lxc/prepare_root.h"
#include "runtimes/lxc/system_init.h"
#include "runtimes/oci/bundle.h"
#include "runtimes/oci/own_streams.h"
#include "runtimes/output_log.h"
#include "runtimes/sessions/input_server.h"

namespace drover::lxc {
namespace {

using system::Pipe;
using system::UniqueFd;

struct Put {
  void operator()(lxc_container* container) const { lxc_container_put(container); }
};
using Container = std::unique_ptr<lxc_container, Put>;

/// What the starter has to say when its container has ended.
struct Outcome {
  bool ran = false;
  int wait_status = 0;
};

Container open_container(const MonitorPlan& plan) {
  return Container(lxc_container_new(plan.name.c_str(), plan.lxc_path.c_str()));
}

/// What liblxc says; it only ever adds to it.
system::Path lxc_log(const MonitorPlan& plan) {
  return plan.lxc_path / plan.name / "log";
}

/// Runs in a process of its own, because liblxc's start returns only when the container has ended.
/// Its standard output and error are what the container inherits.
Outcome start_and_wait(const MonitorPlan& plan, const runtimes::Spec& spec) {
  const Container container = open_container(plan);
  if (container == nullptr || !container->is_defined(container.get())) {
    return {};
  }
  container->set_config_item(container.get(), "lxc.log.file", lxc_log(plan).c_str());
  container->set_config_item(container.get(), "lxc.log.level", "WARN");
  // Here and not in its file, where a value ends with its line.
  for (const std::string& variable : spec.env()) {
    if (!container->set_config_item(container.get(), "lxc.environment", variable.c_str())) {
      return {};
    }
  }
  container->want_daemonize(container.get(), false);
  std::vector<std::string> arguments = spec.args();
  std::vector<char*> argv;
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  const bool ran = container->start(container.get(), 0, argv.data());
  return {ran, container->error_num};
}

/// The child's part of the fork below. It keeps nothing of the monitor's open but what it answers
/// by: whoever waits for the other end of one of those pipes would wait for the container's end.
[[noreturn]] void be_starter(const MonitorPlan& plan, const runtimes::Spec& spec, const Pipe& in,
                             const Pipe& out, const Pipe& err, const Pipe& outcome) {
  constexpr int kOutcome = 3;
  if (in.read.valid()) {
    dup2(in.read.get(), STDIN_FILENO);
  }
  dup2(out.write.get(), STDOUT_FILENO);
  dup2(err.write.get(), STDERR_FILENO);
  dup2(outcome.write.get(), kOutcome);
  close_range(kOutcome + 1, ~0U, 0);
  fcntl(kOutcome, F_SETFD, FD_CLOEXEC);
  if (plan.terminal) {
    give_terminal_at_setsid(TerminalSize{}, runtimes::init_system_of(spec.root(), spec.args()) ==
                                                runtimes::InitSystem::none);
  }
  // The container inherits it; the monitor's own is for files of the node.
  umask(runtimes::kProgramUmask);
  const Outcome result = start_and_wait(plan, spec);
  [[maybe_unused]] const ssize_t written = ::write(kOutcome, &result, sizeof result);
  _exit(0);
}

/// What went wrong in our part of the start, else liblxc's first complaint.
std::string why_not(const MonitorPlan& plan) {
  if (Result<std::string> ours = system::read_file(prepare_error(plan.hook_folder));
      ours && !ours->empty()) {
    return std::move(*ours);
  }
  const Result<std::string> log = system::read_file(lxc_log(plan));
  std::string last;
  for (std::string_view text = log ? *log : std::string_view(); !text.empty();) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // "lxc NAME TIME ERROR    module - file:function:line - message": the first error is the cause.
    const std::size_t level = line.find(" ERROR ");
    const std::size_t message = line.rfind(" - ");
    if (last.empty() && level != std::string_view::npos && message != std::string_view::npos) {
      last = line.substr(message + 3);
    }
  }
  return last.empty() ? "LXC did not say why" : last;
}

/// liblxc makes up the status it gives: a signal's number is in the second byte, over a low byte
/// that waitpid would use for "stopped" (signal_handler in lxc/start.c).
int code_of(int wait_status) {
  const int number = (wait_status >> 8) & 0xff;
  return (wait_status & 0x7f) == 0x7f ? 128 + number : number;
}

class Monitor {
 public:
  Monitor(const MonitorPlan& plan, const std::function<void(const Result<>&)>& started)
      : plan_(plan), started_(started) {}

  Result<> run() {
    const runtimes::Spec spec = TRY(runtimes::read_bundle(plan_.lxc_path / plan_.name));
    log_.emplace(TRY(runtimes::OutputLog::append(plan_.log, clock_, plan_.log_bounds)));
    if (plan_.journal) {
      journal_.emplace(plan_.name);
    }
    out_ = TRY(system::make_pipe());
    err_ = TRY(system::make_pipe());
    for (const Pipe* pipe : {&out_, &err_}) {
      TRY(runtimes::give_stream(spec, fmt::format("/proc/self/fd/{}", pipe->write.get())));
    }
    outcome_ = TRY(system::make_pipe());
    if (plan_.input && !plan_.terminal) {
      in_ = TRY(system::make_pipe());
      TRY(runtimes::give_stream(spec, fmt::format("/proc/self/fd/{}", in_.read.get())));
    }
    ::unlink(prepare_error(plan_.hook_folder).c_str());
    // Of this start alone: it would grow with each, and an earlier one's cause be told as this
    // one's.
    ::unlink(lxc_log(plan_).c_str());
    TRY(stamp());
    starter_ = fork();
    if (starter_ < 0) {
      return fail(Code::unavailable, "fork: {}", std::strerror(errno));
    }
    if (starter_ == 0) {
      be_starter(plan_, spec, in_, out_, err_, outcome_);
    }
    out_.write.reset();
    err_.write.reset();
    outcome_.write.reset();
    in_.read.reset();
    if (plan_.listener >= 0) {
      server_.emplace(UniqueFd(plan_.listener),
                      runtimes::InputServer::Deeds{[this](const TerminalSize& size) {
                                                     system::set_window_size(terminal_.get(), size);
                                                   },
                                                   [] {}});
      if (!plan_.terminal) {
        server_->serve(std::move(in_.write), false);
      }
    }
    watch();
    waitpid(starter_, nullptr, 0);
    return {};
  }

 private:
  /// Says which process watches the container, so that others can wait for it.
  Result<> stamp() {
    const std::uint64_t start = TRY(system::start_time_of(getpid()));
    return system::write_atomically(
        plan_.lxc_path / plan_.name / "monitor",
        json::write(json::Object{{"pid", std::int64_t{getpid()}}, {"start_time", start}}), 0600);
  }

  void tell(const Result<>& result) {
    if (!told_) {
      told_ = true;
      started_(result);
    }
  }

  /// Whether the container runs by now. liblxc has no event for it that does not come from a daemon
  /// of its own (lxc-monitord), so it is asked for, for the few milliseconds that a start takes.
  void look_whether_it_runs() {
    if (container_ == nullptr) {
      container_ = open_container(plan_);
    }
    if (container_ == nullptr) {
      return;
    }
    const std::string_view state = container_->state(container_.get());
    if (state == "RUNNING" || state == "FROZEN") {
      const pid_t init = container_->init_pid(container_.get());
      [[maybe_unused]] const Result<> written =
          system::write_atomically(plan_.pid_file, std::to_string(init), 0600);
      const Result<> ready = plan_.terminal ? take_terminal() : Result<>();
      // One that has just ended has none any more, which is told in a moment.
      constexpr int kMostLooks = 200;
      if (ready || ++looks_ > kMostLooks) {
        tell(ready);
      }
    }
  }

  Result<> take_terminal() {
    terminal_ = TRY(take_terminal_of(starter_));
    if (plan_.input) {
      server_->serve(UniqueFd(fcntl(terminal_.get(), F_DUPFD_CLOEXEC, 3)), true);
    }
    return {};
  }

  void take(const UniqueFd& from, std::string_view stream, short events) {
    if (events == 0) {
      return;
    }
    std::array<char, 65536> buffer{};
    const ssize_t size = ::read(from.get(), buffer.data(), buffer.size());
    if (size > 0) {
      const std::string_view chunk(buffer.data(), static_cast<std::size_t>(size));
      // A full disk must not stop the container: what cannot be kept is lost.
      [[maybe_unused]] const Result<> kept = log_->write(stream, chunk);
      if (plan_.terminal) {
        // A person waits for it, as for a prompt, though its line has no end yet.
        [[maybe_unused]] const Result<> shown = log_->finish();
      }
      if (journal_) {
        journal_->write(stream, chunk);
      }
    }
  }

  void watch() {
    constexpr int kLookEveryMs = 5;
    for (;;) {
      std::vector<pollfd> fds = {{out_.read.get(), POLLIN, 0},
                                 {err_.read.get(), POLLIN, 0},
                                 {outcome_.read.get(), POLLIN, 0}};
      const std::size_t servers = fds.size();
      if (server_) {
        server_->watch(fds);
      }
      if (poll(fds.data(), fds.size(), told_ ? -1 : kLookEveryMs) < 0) {
        continue;
      }
      take(out_.read, "stdout", fds.at(0).revents & POLLIN);
      take(err_.read, "stderr", fds.at(1).revents & POLLIN);
      if (server_) {
        server_->handle(fds, servers);
      }
      if (!told_) {
        look_whether_it_runs();
      }
      if (fds.at(2).revents != 0) {
        finish();
        return;
      }
    }
  }

  /// What the container printed last is in the pipes still.
  void drain(const UniqueFd& from, std::string_view stream) {
    for (pollfd fd{from.get(), POLLIN, 0}; poll(&fd, 1, 0) > 0 && (fd.revents & POLLIN) != 0;) {
      take(from, stream, fd.revents);
    }
  }

  void finish() {
    Outcome outcome;
    const bool heard = ::read(outcome_.read.get(), &outcome, sizeof outcome) == sizeof outcome;
    drain(out_.read, "stdout");
    drain(err_.read, "stderr");
    [[maybe_unused]] const Result<> finished = log_->finish();
    if (journal_) {
      journal_->finish();
    }
    server_.reset();
    if (!told_ && !outcome.ran) {
      // It never ran: nothing says how it ended, and it may be started again.
      ::unlink((plan_.lxc_path / plan_.name / "monitor").c_str());
      tell(fail(Code::broken, "{}", why_not(plan_)));
      return;
    }
    if (heard && outcome.wait_status >= 0) {
      [[maybe_unused]] const Result<> written = system::write_atomically(
          plan_.exit_file, std::to_string(code_of(outcome.wait_status)), 0600);
    }
    tell({});
  }

  const MonitorPlan& plan_;
  const std::function<void(const Result<>&)>& started_;
  system::SystemClock clock_;
  std::optional<runtimes::OutputLog> log_;
  Pipe in_;
  std::optional<runtimes::JournalLog> journal_;
  Pipe out_;
  Pipe err_;
  Pipe outcome_;
  std::optional<runtimes::InputServer> server_;
  UniqueFd terminal_;  // once it runs
  pid_t starter_ = -1;
  int looks_ = 0;  // for the terminal, in vain
  Container container_;
  bool told_ = false;
};

}  // namespace

void run_monitor(const MonitorPlan& plan, const std::function<void(const Result<>&)>& started) {
  Monitor monitor(plan, started);
  if (const Result<> ran = monitor.run(); !ran) {
    started(ran);
  }
}

}  // namespace drover::lxc
