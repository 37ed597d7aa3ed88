#include "agent/system/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/system/file.h"
#include "agent/system/pipe.h"

extern char** environ;

namespace drover::system {
namespace {

constexpr std::chrono::milliseconds kGraceAfterStop{2000};

std::vector<std::string> child_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=')));
    const bool passed_on = name != "NOTIFY_SOCKET" && name != "WATCHDOG_USEC" &&
                           name != "WATCHDOG_PID" && name != "LISTEN_FDS" && name != "LISTEN_PID" &&
                           name != "CREDENTIALS_DIRECTORY";
    if (passed_on && !added.contains(name)) {
      environment.emplace_back(text);
    }
  }
  for (const auto& [name, value] : added) {
    environment.push_back(name + "=" + value);
  }
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (std::string& text : strings) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

/// Everything the child needs, made before the fork, because after it only async-signal-safe calls
/// are allowed in a program with threads.
struct Prepared {
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::vector<char*> argv_pointers;
  std::vector<char*> environment_pointers;
  std::vector<std::pair<int, int>> descriptors;
  int null_fd = -1;
  int error_pipe = -1;
  pid_t parent = 0;
};

/// Moves every descriptor above all target numbers first, so that no dup2 overwrites one still
/// needed.
bool place_descriptors(Prepared& prepared) {
  constexpr int kAbove = 64;
  for (auto& [source, target] : prepared.descriptors) {
    source = fcntl(source, F_DUPFD_CLOEXEC, kAbove);
    if (source < 0) {
      return false;
    }
  }
  prepared.error_pipe = fcntl(prepared.error_pipe, F_DUPFD_CLOEXEC, kAbove);
  const int null_fd = fcntl(prepared.null_fd, F_DUPFD_CLOEXEC, kAbove);
  int highest = 2;
  for (int standard = 0; standard <= 2; ++standard) {
    if (dup2(null_fd, standard) < 0) {
      return false;
    }
  }
  for (const auto& [source, target] : prepared.descriptors) {
    if (dup2(source, target) < 0) {
      return false;
    }
    highest = std::max(highest, target);
  }
  // Numbers between that nobody named are closed with the exec, like everything above.
  for (int number = 3; number <= highest; ++number) {
    const bool named = std::any_of(prepared.descriptors.begin(), prepared.descriptors.end(),
                                   [number](const auto& entry) { return entry.second == number; });
    if (!named) {
      fcntl(number, F_SETFD, FD_CLOEXEC);
    }
  }
  syscall(SYS_close_range, static_cast<unsigned>(highest + 1), ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
  return prepared.error_pipe >= 0;
}

[[noreturn]] void become(Prepared& prepared, const ChildOptions& options) {
  const auto give_up = [&prepared](int error) {
    [[maybe_unused]] const ssize_t written = write(prepared.error_pipe, &error, sizeof error);
    _exit(127);
  };
  // Children start with no signal blocked or ignored but those named, whatever this process does
  // with its own. None of its handlers may run here.
  for (int number = 1; number < 32; ++number) {
    std::signal(number, SIG_DFL);
  }
  for (const int number : options.ignored_signals) {
    std::signal(number, SIG_IGN);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (options.dies_with_parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != prepared.parent) {
      _exit(127);
    }
  }
  setpgid(0, 0);
  if (!place_descriptors(prepared)) {
    give_up(errno);
  }
  if (!options.working_folder.empty() && chdir(options.working_folder.c_str()) != 0) {
    give_up(errno);
  }
  if (options.before_exec && !options.before_exec()) {
    give_up(errno == 0 ? EPERM : errno);
  }
  execvpe(options.program.empty() ? prepared.argv_pointers[0] : options.program.c_str(),
          prepared.argv_pointers.data(), prepared.environment_pointers.data());
  give_up(errno);
  _exit(127);
}

/// The child's number, or -1. Without a copy of the address space, which takes longer than many a
/// program's work: this thread waits until the child has become its program (vfork(2)). What is to
/// be run before that might, as setuid(2) does, turn to this process's other threads, so there the
/// child is a copy.
[[gnu::noinline]] pid_t begin_child(Prepared& prepared, const ChildOptions& options) {
  const pid_t pid = options.before_exec ? fork() : vfork();
  if (pid == 0) {
    become(prepared, options);
  }
  return pid;
}

Ending ending_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) {
    return Ending{info.si_status, 0};
  }
  return Ending{128 + info.si_status, info.si_status};
}

/// Hands on what is readable now; false at the end of the stream.
bool drain(int fd, const std::function<void(std::string_view)>& sink) {
  std::array<char, 65536> buffer;
  const ssize_t got = read(fd, buffer.data(), buffer.size());
  if (got > 0) {
    sink(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
  }
  return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

/// What is in the pipe of a program that has ended, and no more: a child that it left behind may
/// write faster than this reads.
void drain_rest(UniqueFd& fd, const std::function<void(std::string_view)>& sink) {
  if (!fd.valid()) {
    return;
  }
  fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  std::array<char, 65536> buffer;
  int left = 0;
  ioctl(fd.get(), FIONREAD, &left);
  while (left > 0) {
    const auto most = std::min(static_cast<std::size_t>(left), buffer.size());
    const ssize_t got = read(fd.get(), buffer.data(), most);
    if (got <= 0) {
      break;
    }
    sink(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
    left -= static_cast<int>(got);
  }
  fd.reset();
}

/// A file without a name that holds `text`: standard input that needs no writer.
Result<UniqueFd> input_file(std::string_view text) {
  UniqueFd fd(static_cast<int>(syscall(SYS_memfd_create, "drover-input", 1U /* MFD_CLOEXEC */)));
  if (!fd.valid()) {
    return fail(Code::unavailable, "memfd_create: {}", std::strerror(errno));
  }
  TRY(write_all(fd.get(), text));
  lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::function<void(std::string_view)> keep_in(std::string& kept, std::size_t most) {
  return [&kept, most](std::string_view chunk) {
    kept.append(chunk.substr(0, most - std::min(most, kept.size())));
  };
}

std::string_view last_line_of(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) {
    return {};
  }
  text = text.substr(0, end + 1);
  const std::size_t start = text.rfind('\n');
  return start == std::string_view::npos ? text : text.substr(start + 1);
}

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& argv, const ChildOptions& options) {
  if (argv.empty()) {
    return fail(Code::broken, "start a program: no program named");
  }
  Pipe errors = TRY(make_pipe());
  const UniqueFd null_fd(open("/dev/null", O_RDWR | O_CLOEXEC));
  Prepared prepared{argv,
                    child_environment(options.env),
                    {},
                    {},
                    options.descriptors,
                    null_fd.get(),
                    errors.write.get(),
                    getpid()};
  prepared.argv_pointers = pointers(prepared.argv);
  prepared.environment_pointers = pointers(prepared.environment);

  // No handler of ours may run in the child between the fork and the exec.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = begin_child(prepared, options);
  const int fork_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    return fail(Code::unavailable, "start {}: fork: {}", argv.front(), std::strerror(fork_error));
  }
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  Child child(pid, std::move(pidfd));
  errors.write.reset();
  int exec_error = 0;
  ssize_t got = 0;
  do {
    got = read(errors.read.get(), &exec_error, sizeof exec_error);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof exec_error)) {
    child.reap();
    const bool missing = exec_error == ENOENT || exec_error == EACCES || exec_error == ENOTDIR;
    return fail(missing ? Code::not_found : Code::unavailable, "start {}: {}", argv.front(),
                std::strerror(exec_error));
  }
  if (!child.pidfd_.valid()) {
    child.end_now();
    return fail(Code::unavailable, "start {}: pidfd_open: {}", argv.front(), std::strerror(errno));
  }
  return child;
}

Result<Child> Child::adopt(pid_t pid) {
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  Child child(pid, std::move(pidfd));
  if (!child.pidfd_.valid()) {
    const int error = errno;
    child.end_now();
    return fail(Code::unavailable, "pidfd_open of child {}: {}", pid, std::strerror(error));
  }
  return child;
}

void Child::signal(int number) const {
  syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0U);
}

Ending Child::reap() {
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
  return ending_of(info);
}

Ending Child::end_now() {
  kill(pid_, SIGKILL);
  return reap();
}

std::optional<Ending> Child::try_wait() {
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) {
    return std::nullopt;
  }
  return ending_of(info);
}

Result<Ending> Child::wait(const Stop& stop, std::optional<std::chrono::milliseconds> timeout) {
  std::array<pollfd, 2> waiting{{{pidfd_.get(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  const auto deadline =
      timeout ? std::optional(std::chrono::steady_clock::now() + *timeout) : std::nullopt;
  for (;;) {
    int left = -1;
    if (deadline) {
      left = static_cast<int>(std::max<std::int64_t>(
          0,
          std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now())
              .count()));
    }
    const int ready = poll(waiting.data(), waiting.size(), left);
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (waiting[0].revents != 0) {
      return reap();
    }
    signal(SIGTERM);
    if (poll(waiting.data(), 1, static_cast<int>(kGraceAfterStop.count())) != 1) {
      signal(SIGKILL);
    }
    reap();
    if (ready == 0) {
      return fail(Code::timed_out, "process {} did not end within {} ms", pid_, timeout->count());
    }
    return fail(Code::cancelled, "process {} was stopped by request", pid_);
  }
}

std::string_view Output::last_line() const {
  const std::string_view line = last_line_of(err);
  return line.empty() ? last_line_of(out) : line;
}

Result<Ending> stream_child(Child child, UniqueFd out_pipe, UniqueFd err_pipe, const Stop& stop,
                            const std::function<void(std::string_view)>& out,
                            const std::function<void(std::string_view)>& err,
                            std::optional<std::chrono::milliseconds> timeout) {
  const auto deadline =
      timeout ? std::optional(std::chrono::steady_clock::now() + *timeout) : std::nullopt;
  for (;;) {
    std::array<pollfd, 4> waiting{{{child.pidfd(), POLLIN, 0},
                                   {stop.fd(), POLLIN, 0},
                                   {out_pipe.get(), POLLIN, 0},
                                   {err_pipe.get(), POLLIN, 0}}};
    int left = -1;
    if (deadline) {
      left = static_cast<int>(std::max<std::int64_t>(
          0,
          std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now())
              .count()));
    }
    const int ready = poll(waiting.data(), waiting.size(), left);
    if (ready < 0) {
      continue;  // EINTR is the only failure that poll has here
    }
    if (waiting[2].revents != 0 && !drain(out_pipe.get(), out)) {
      out_pipe.reset();
    }
    if (waiting[3].revents != 0 && !drain(err_pipe.get(), err)) {
      err_pipe.reset();
    }
    if (waiting[0].revents != 0 || waiting[1].revents != 0 || ready == 0) {
      const auto none_left = std::chrono::milliseconds(0);
      Result<Ending> ending =
          child.wait(stop, ready == 0 ? std::optional(none_left) : std::nullopt);
      if (!ending && ending.error().code == Code::timed_out) {
        ending = fail(Code::timed_out, "did not end within {} ms", timeout->count());
      }
      drain_rest(out_pipe, out);
      drain_rest(err_pipe, err);
      return ending;
    }
  }
}

Result<Ending> run_streaming(const std::vector<std::string>& argv, const Stop& stop,
                             const ChildOptions& options,
                             const std::function<void(std::string_view)>& out,
                             const std::function<void(std::string_view)>& err,
                             std::optional<std::chrono::milliseconds> timeout) {
  Pipe out_pipe = TRY(make_pipe());
  Pipe err_pipe = TRY(make_pipe());
  ChildOptions with_pipes = options;
  with_pipes.descriptors.emplace_back(out_pipe.write.get(), 1);
  with_pipes.descriptors.emplace_back(err_pipe.write.get(), 2);
  Child child = TRY(Child::start(argv, with_pipes));
  out_pipe.write.reset();
  err_pipe.write.reset();
  return stream_child(std::move(child), std::move(out_pipe.read), std::move(err_pipe.read), stop,
                      out, err, timeout)
      .context(argv.front());
}

Result<Output> run(const std::vector<std::string>& argv, const Stop& stop,
                   const RunOptions& options) {
  ChildOptions child = options.child;
  UniqueFd input;
  if (!options.input.empty()) {
    input = TRY(input_file(options.input));
    child.descriptors.emplace_back(input.get(), 0);
  }
  Output output;
  output.ending = TRY(run_streaming(argv, stop, child, keep_in(output.out, options.most_output),
                                    keep_in(output.err, options.most_output), options.timeout));
  return output;
}

Result<std::string> run_ok(const std::vector<std::string>& argv, const Stop& stop,
                           const RunOptions& options) {
  Output output = TRY(run(argv, stop, options));
  if (output.ending.code != 0) {
    std::string command;
    for (const std::string& argument : argv) {
      command += (command.empty() ? "" : " ") + argument;
    }
    return fail(Code::broken, "{}: ended with {}: {}", command, output.ending.code,
                output.last_line());
  }
  return std::move(output.out);
}

}  // namespace drover::system
