#include "runtimes/oci/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "agent/core/json.h"
#include "agent/system/pipe.h"
#include "runtimes/exit_file.h"
#include "runtimes/oci/pid_file.h"
#include "runtimes/oci/wait_for.h"

namespace drover::runtimes {
namespace {

constexpr std::chrono::milliseconds kMonitorKillTime{10'000};
constexpr std::chrono::milliseconds kCancelTime{2'000};
/// conmon sends at most 8 kB of the runtime's words, escaped.
constexpr std::size_t kMostAnswer = 65536;
constexpr int kSyncDescriptor = 3;
constexpr std::chrono::milliseconds kPidFileLook{50};

/// One line, or everything up to the end when conmon ended without one.
Result<std::string> read_line(int fd, const system::Stop& stop, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::string text;
  std::array<char, 4096> buffer;
  while (text.find('\n') == std::string::npos && text.size() < kMostAnswer) {
    if (!TRY(wait_for(fd, stop, deadline))) {
      return fail(Code::timed_out, "the runtime did not create it within {} ms", timeout.count());
    }
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got == 0) {
      break;
    }
    if (got < 0 && errno != EINTR) {
      return fail(Code::broken, "read what conmon says: {}", std::strerror(errno));
    }
    text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  return text;
}

/// What is written there is read at the other end of the pipe, and never fails for want of a
/// reader: it is one itself. conmon 2.1.6 ends when it cannot say that its container is there, and
/// what CRIU has restored would run on with nobody to read what it prints.
Result<system::UniqueFd> lasting_end(const system::Pipe& pipe) {
  const std::string own = fmt::format("/proc/self/fd/{}", pipe.write.get());
  system::UniqueFd end(open(own.c_str(), O_RDWR | O_CLOEXEC));
  return end.valid() ? Result<system::UniqueFd>(std::move(end))
                     : fail(Code::broken, "open {}: {}", own, std::strerror(errno));
}

std::string content_of(const Path& path) {
  return system::read_file(path).value_or("");
}

}  // namespace

Result<> read_monitor_answer(std::string_view text, std::string_view runtime_log) {
  const Result<json::Value> answer = json::parse(text);
  if (answer && answer->at("data").integer_or(-1) > 0) {
    return {};
  }
  std::string why = last_error_record(runtime_log);
  if (why.empty()) {
    why = last_error(answer ? answer->at("message").string_or("") : text);
  }
  if (why.empty()) {
    why = "conmon ended without a word";
  }
  return fail(Code::broken, "{}", why);
}

std::vector<std::string> Monitor::argv(const CommandLine& runtime, const ContainerName& name,
                                       MonitorStreams streams, bool journal,
                                       const std::optional<Restoring>& restoring) const {
  std::vector<std::string> words{
      conmon_.native(), "--api-version", "1", "--cid", name.str(), "--cuuid", name.str(), "--name",
      name.str(), "--runtime", runtime.program().native(), "--bundle",
      layout_.bundle(name).native(), "--container-pidfile", layout_.pid_file(name).native(),
      "--conmon-pidfile", pid_file(name).native(), "--exit-dir", layout_.exits().native(),
      "--log-path", "k8s-file:" + layout_.log(name).native(),
      // Its sockets lie in the bundle, instead of a folder all share.
      "--full-attach", "--runtime-arg", "--root=" + runtime.root().native(), "--runtime-arg",
      "--log=" + runtime_log(name).native(), "--runtime-arg", "--log-format=json"};
  if (journal) {
    words.insert(words.end(), {"--log-path", "journald"});
  }
  if (runtime.systemd_cgroup()) {
    words.emplace_back("--systemd-cgroup");
  }
  if (streams.terminal) {
    // Without the option for input, by which it would close the terminal when whoever writes
    // leaves.
    words.emplace_back("--terminal");
  } else if (streams.input) {
    words.emplace_back("--stdin");
  }
  if (restoring) {
    words.insert(words.end(), {"--restore", restoring->images.native()});
    for (const std::string& option : restoring->options) {
      words.insert(words.end(), {"--runtime-opt", option});
    }
  }
  return words;
}

Result<> Monitor::create(const CommandLine& runtime, const ContainerName& name,
                         MonitorStreams streams, MonitorLog log, const system::Stop& stop,
                         std::chrono::milliseconds timeout,
                         const std::optional<Restoring>& restoring) const {
  for (const Path& folder : {layout_.exits(), layout_.pids(), runtime.root()}) {
    TRY(system::make_folders(folder, 0700));
  }
  const Path said = layout_.container(name) / "monitor.log";
  const system::UniqueFd errors(
      open(said.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!errors.valid()) {
    return fail(Code::broken, "create {}: {}", said.native(), std::strerror(errno));
  }
  system::Pipe sync = TRY(system::make_pipe());
  system::ChildOptions options;
  // conmon notes a lack of memory in the file "oom" of the folder it stands in.
  options.working_folder = layout_.bundle(name);
  options.env = {{"_OCI_SYNCPIPE", std::to_string(kSyncDescriptor)}};
  if (restoring) {
    options.env["PATH"] = restoring->search_path;
    sync.write = TRY(lasting_end(sync));
  }
  options.descriptors = {{sync.write.get(), kSyncDescriptor}, {errors.get(), 2}};
  // A file that may become no larger (RLIMIT_FSIZE, setrlimit(2)) would end conmon by this signal.
  // Ignored, which the exec keeps, it has the write fail: conmon goes on without what it could not
  // write, whoever prints that does not wait, and both runtimes give their programs every signal's
  // own effect back.
  options.ignored_signals = {SIGXFSZ};
  system::Child child =
      TRY(system::Child::start(argv(runtime, name, streams, log.journal, restoring), options));
  sync.write.reset();
  // The first of its two processes ends at once.
  const system::Ending started = TRY(child.wait(stop, timeout));
  if (started.code != 0) {
    return fail(Code::broken, "{} ended with {}: {}", conmon_.native(), started.code,
                last_error(content_of(said)));
  }
  Result<std::string> heard = read_line(sync.read.get(), stop, timeout);
  if (!heard && heard.error().code == Code::cancelled) {
    // What is under way takes but a moment, and is undone more cleanly whole than half made.
    const system::Stop never;
    (void)read_line(sync.read.get(), never, kCancelTime).has_value();
  }
  const std::string answer = TRY(std::move(heard));
  const Result<> created = read_monitor_answer(answer.empty() ? content_of(said) : answer,
                                               content_of(runtime_log(name)));
  if (!created) {
    return Failure(
        Error(created.error())
            .context(runtime.program().filename().native() + (restoring ? " restore" : " create")));
  }
  return settle(name, log);
}

Result<> Monitor::settle(const ContainerName& name, MonitorLog log) const {
  // Both are there now, so that their numbers are nobody else's.
  TRY(keep_start_time(layout_.pid_file(name)));
  TRY(keep_start_time(pid_file(name)));
  // Not before: what it creates would have the same bound for all files that it writes itself.
  return bound_files(name, log.most_bytes);
}

Result<bool> Monitor::take_over(const ContainerName& name, MonitorLog log, const system::Stop& stop,
                                std::chrono::milliseconds timeout) const {
  const system::UniqueFd monitor = find(name);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  // The runtime writes it when all is done, and its monitor reads it.
  while (monitor.valid() && pid_in(layout_.pid_file(name)) == 0) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) {
      return fail(Code::timed_out, "the runtime did not restore it within {} ms", timeout.count());
    }
    if (TRY(wait_for(monitor.get(), stop, now + kPidFileLook))) {
      return false;
    }
  }
  if (!monitor.valid()) {
    return false;
  }
  TRY(settle(name, log));
  return true;
}

Result<> Monitor::bound_files(const ContainerName& name, std::uint64_t bytes) const {
  const system::UniqueFd monitor = find(name);
  const pid_t pid = pid_in(pid_file(name));
  rlimit bound{};
  if (!monitor.valid() || prlimit(pid, RLIMIT_FSIZE, nullptr, &bound) != 0) {
    return {};
  }
  bound.rlim_cur = std::min<rlim_t>(bytes, bound.rlim_max);
  if (prlimit(pid, RLIMIT_FSIZE, &bound, nullptr) != 0 && errno != ESRCH) {
    return fail(Code::broken, "bound the log of the monitor {}: {}", pid, std::strerror(errno));
  }
  return {};
}

std::optional<std::uint64_t> Monitor::bound_of_files(const ContainerName& name) const {
  const system::UniqueFd monitor = find(name);
  rlimit bound{};
  return monitor.valid() && prlimit(pid_in(pid_file(name)), RLIMIT_FSIZE, nullptr, &bound) == 0 &&
                 bound.rlim_cur != RLIM_INFINITY
             ? std::optional<std::uint64_t>(bound.rlim_cur)
             : std::nullopt;
}

system::UniqueFd Monitor::find(const ContainerName& name) const {
  system::UniqueFd fd = open_in(pid_file(name));
  const pid_t pid = pid_in(pid_file(name));
  std::error_code error;
  if (!fd.valid() || std::filesystem::exists(start_file(pid_file(name)), error)) {
    return fd;
  }
  // It creates the container still, for an agent that may have ended since. It says whose it is;
  // one that has ended says nothing any more.
  const std::string words = content_of(fmt::format("/proc/{}/cmdline", pid));
  const auto has = [&words](const std::string& option, const std::string& value) {
    const std::string wanted = '\0' + option + '\0' + value + '\0';
    return words.find(wanted) != std::string::npos;
  };
  return has("--cid", name.str()) && has("--exit-dir", layout_.exits().native())
             ? std::move(fd)
             : system::UniqueFd();
}

bool Monitor::is_alive(const ContainerName& name) const {
  return find(name).valid();
}

Result<> Monitor::wait(const ContainerName& name, const system::Stop& stop,
                       std::chrono::milliseconds timeout) const {
  const system::UniqueFd monitor = find(name);
  if (monitor.valid() &&
      !TRY(wait_for(monitor.get(), stop, std::chrono::steady_clock::now() + timeout))) {
    return fail(Code::timed_out, "the monitor of container {} did not end within {} ms", name.str(),
                timeout.count());
  }
  return {};
}

Result<> Monitor::end(const ContainerName& name, const system::Stop& stop,
                      std::chrono::milliseconds grace) const {
  const Result<> ended = wait(name, stop, grace);
  if (ended || ended.error().code != Code::timed_out) {
    return ended;
  }
  const system::UniqueFd monitor = find(name);
  if (monitor.valid()) {
    syscall(SYS_pidfd_send_signal, monitor.get(), SIGKILL, nullptr, 0U);
  }
  return wait(name, stop, kMonitorKillTime);
}

Exit Monitor::read_exit(const ContainerName& name) const {
  return read_exit_file(layout_.exit_file(name));
}

Result<> Monitor::forget(const ContainerName& name) const {
  TRY(system::remove_tree(layout_.bundle(name)));
  const Path first = layout_.pid_file(name);
  for (const Path& file : {layout_.exit_file(name), first, start_file(first), pid_file(name),
                           start_file(pid_file(name))}) {
    if (unlink(file.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
      return fail(Code::broken, "remove {}: {}", file.native(), std::strerror(errno));
    }
  }
  return {};
}

}  // namespace drover::runtimes
