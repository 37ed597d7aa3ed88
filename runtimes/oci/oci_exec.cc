#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "agent/core/ids.h"
#include "runtimes/oci/oci_runtime.h"
#include "runtimes/oci/pid_file.h"

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

Path namespace_of(pid_t pid) {
  std::error_code error;
  return std::filesystem::read_symlink(fmt::format("/proc/{}/ns/pid", pid), error);
}

/// Of the member "process" that it is to be run by.
std::optional<StreamOwner> owner_of(const json::Value& process, pid_t first) {
  const json::Value& user = process.at("user");
  return stream_owner(first, static_cast<std::uint32_t>(user.at("uid").integer_or(0)),
                      static_cast<std::uint32_t>(user.at("gid").integer_or(0)));
}

/// SIGKILL to the process that `pid_file` means, of the container whose first process is `first`,
/// and to its children.
void end_inside(const Path& pid_file, pid_t first) {
  const system::UniqueFd process = open_in(pid_file);
  const pid_t pid = pid_in(pid_file);
  const Path inside = namespace_of(pid);
  if (!process.valid() || first <= 0 || inside.empty() || inside != namespace_of(first) ||
      inside == namespace_of(getpid())) {
    return;
  }
  // Its children are in the group that runc has made for it; crun makes it for a process of its own
  // before, and both a session. While the descriptor is open and the process not reaped, that is no
  // other's.
  const pid_t group = getpgid(pid);
  const bool is_its_own = group > 0 && group == getsid(pid) && group != getpgid(first);
  syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0U);
  if (is_its_own) {
    ::kill(-group, SIGKILL);
  }
}

}  // namespace

Result<int> OciRuntime::exec(const Container& container, const ExecRequest& request,
                             const Sink& out, const Sink& err, const Stop& stop) {
  const ContainerName& name = container.name;
  const LiveState now = TRY(require(container, "execute in", {Status::running}, stop));
  Spec spec = TRY(read_bundle(layout_.bundle(name)));
  const json::Value process = TRY(make_exec_process(std::move(spec), container, request));
  const ExecFiles files(new_stem(layout_.bundle(name)));
  TRY(system::write_unsynced(files.process, json::write(process), 0600));
  system::ChildOptions options;
  if (const std::optional<StreamOwner> owner = owner_of(process, now.pid)) {
    options.before_exec = [to = *owner] {
      return fchown(STDOUT_FILENO, to.uid, to.gid) == 0 &&
             fchown(STDERR_FILENO, to.uid, to.gid) == 0;
    };
  }
  const Result<system::Ending> ran =
      system::run_streaming(runtime_.argv({"exec", "--process", files.process.native(),
                                           "--pid-file", files.pid.native(), name.str()},
                                          files.log),
                            stop, options, out, err);
  if (!ran) {
    end_exec(name, files.pid);
    return Failure(Error(ran.error()).context("execute in container " + name.str()));
  }
  // The runtime's own failures have codes that a program may have too; only its log tells.
  const Result<std::string> log = system::read_file(files.log);
  const std::string error = log ? last_error_record(*log) : "";
  if (ran->code != 0 && !error.empty()) {
    const Result<LiveState> then = live(container, stop);
    const bool runs = then && then->status == Status::running;
    return fail(runs ? Code::invalid : Code::conflict, "execute {} in container {}: {}",
                request.command.front(), name.str(), error);
  }
  return ran->code;
}

Result<SessionStart> OciRuntime::make_session(const Container& container,
                                              const ExecRequest& request, const SessionFiles& files,
                                              const Stop& stop) const {
  const LiveState now = TRY(require(container, "execute in", {Status::running}, stop));
  Spec spec = TRY(read_bundle(layout_.bundle(container.name)));
  const json::Value process = TRY(make_exec_process(std::move(spec), container, request));
  TRY(system::write_unsynced(files.process(), json::write(process), 0600));
  return OciStart{runtime_.argv({"exec", "--detach", "--process", files.process().native(),
                                 "--pid-file", files.runtime_pid().native(), container.name.str()},
                                files.runtime_log()),
                  owner_of(process, now.pid)};
}

void OciRuntime::end_left_execs() {
  for (const Path& folder : system::children_of(layout_.runtime_root(options_.kind))) {
    const Result<ContainerName> name = ContainerName::parse(folder.filename().native());
    if (!name) {
      continue;
    }
    for (Path file : system::children_of(layout_.bundle(*name))) {
      // One that has no pid yet may get it still; its files go with the bundle.
      if (!file.filename().native().starts_with(kStem) || file.extension() != kPid) {
        continue;
      }
      const ExecFiles files(file.replace_extension());
      // The runtime is not asked: it may hang, and nothing begins before this has ended.
      if (open_in(layout_.pid_file(*name)).valid()) {
        end_inside(files.pid, pid_in(layout_.pid_file(*name)));
      }
    }
  }
}

void OciRuntime::end_exec(const ContainerName& name, const Path& pid_file) const {
  const Stop never;
  const Result<std::optional<LiveState>> now = ask_live_state(runtime_, name.str(), never);
  if (now && now->has_value()) {
    end_inside(pid_file, (*now)->pid);
  }
}

}  // namespace drover::runtimes
