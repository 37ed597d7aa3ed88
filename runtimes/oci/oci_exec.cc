#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <set>

#include "agent/core/ids.h"
#include "agent/system/process.h"
#include "runtimes/oci/oci_runtime.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kStem = "exec-";
constexpr std::string_view kPid = ".pid";

/// The files of one exec, which go with it.
struct ExecFiles {
  explicit ExecFiles(const std::string& stem)
      : process(stem + ".json"), pid(stem + std::string(kPid)), log(stem + ".log") {}
  ExecFiles(const ExecFiles&) = delete;
  ExecFiles& operator=(const ExecFiles&) = delete;
  ~ExecFiles() {
    for (const Path& file : {process, pid, log}) {
      unlink(file.c_str());
    }
  }

  const Path process;
  const Path pid;
  const Path log;
};

std::string new_stem(const Path& bundle) {
  const auto since_1970 = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return bundle / (std::string(kStem) + make_uuid7(static_cast<std::uint64_t>(since_1970.count())));
}

/// Stems of the files that execs have left in a bundle.
std::set<std::string> stems_in(const Path& bundle) {
  std::set<std::string> stems;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(bundle, error)) {
    const Path file = entry.path();
    if (file.filename().native().starts_with(kStem)) {
      stems.insert(bundle / file.stem());
    }
  }
  return stems;
}

double seconds_of(const timespec& time) {
  constexpr double kNano = 1e-9;
  return static_cast<double>(time.tv_sec) + kNano * static_cast<double>(time.tv_nsec);
}

/// Whether the process was there when the file was written: a pid that is in use again is a younger
/// one's. Both ages are by now, because the file's clock may have been set since the boot.
bool was_there(pid_t pid, const Path& file) {
  const Result<std::uint64_t> ticks = system::start_time_of(pid);
  struct stat written {};
  timespec up{};
  timespec now{};
  if (!ticks || stat(file.c_str(), &written) != 0 || clock_gettime(CLOCK_BOOTTIME, &up) != 0 ||
      clock_gettime(CLOCK_REALTIME, &now) != 0) {
    return false;
  }
  const double started = static_cast<double>(*ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
  // What is written is as old as the last tick of the kernel's clock, and a start has no more than
  // hundredths.
  constexpr double kSlack = 0.1;
  return seconds_of(up) - started + kSlack >= seconds_of(now) - seconds_of(written.st_mtim);
}

Path namespace_of(pid_t pid) {
  std::error_code error;
  return std::filesystem::read_symlink(fmt::format("/proc/{}/ns/pid", pid), error);
}

}  // namespace

Result<int> OciRuntime::exec(const Container& container, const ExecRequest& request,
                             const Sink& out, const Sink& err, const Stop& stop) {
  const ContainerName& name = container.name;
  TRY(require(container, "execute in", {Status::running}, stop));
  Spec spec = TRY(read_bundle(layout_.bundle(name)));
  const json::Value process = TRY(make_exec_process(std::move(spec), container.rootfs, request));
  const ExecFiles files(new_stem(layout_.bundle(name)));
  TRY(system::write_atomically(files.process, json::write(process), 0600));
  const Result<system::Ending> ran =
      system::run_streaming(runtime_.argv({"exec", "--process", files.process.native(),
                                           "--pid-file", files.pid.native(), name.str()},
                                          files.log),
                            stop, {}, out, err);
  if (!ran) {
    end_exec(name, files.pid);
    return Failure(Error(ran.error()).context("execute in container " + name.str()));
  }
  // The runtime's own failures have codes that a program may have too; only its log tells.
  const Result<std::string> log = system::read_file(files.log);
  const std::string error = log ? last_error_record(*log) : "";
  if (ran->code != 0 && !error.empty()) {
    const Result<LiveState> now = live(container, stop);
    const bool runs = now && now->status == Status::running;
    return fail(runs ? Code::invalid : Code::conflict, "execute {} in container {}: {}",
                request.command.front(), name.str(), error);
  }
  return ran->code;
}

void OciRuntime::end_left_execs() {
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(layout_.runtime_root(options_.kind), error)) {
    if (const auto name = ContainerName::parse(entry.path().filename().native())) {
      for (const std::string& stem : stems_in(layout_.bundle(*name))) {
        const ExecFiles files(stem);
        end_exec(*name, files.pid);
      }
    }
  }
}

void OciRuntime::end_exec(const ContainerName& name, const Path& pid_file) const {
  const Stop never;
  const Result<std::string> text = system::read_file(pid_file);
  pid_t pid = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), pid).ec != std::errc() ||
      pid <= 0) {
    return;
  }
  const system::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid() || !was_there(pid, pid_file)) {
    return;
  }
  const Result<std::optional<LiveState>> now = ask_live_state(runtime_, name.str(), never);
  // The number may be another process's by now, but then not one of this container's.
  if (now && now->has_value() && (*now)->pid > 0 && !namespace_of(pid).empty() &&
      namespace_of(pid) == namespace_of((*now)->pid)) {
    syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0U);
    // Its own children are in the group that the runtime has made for it; while the descriptor is
    // open and the process not reaped, the group is no other's.
    if (getpgid(pid) == pid) {
      ::kill(-pid, SIGKILL);
    }
  }
}

}  // namespace drover::runtimes
