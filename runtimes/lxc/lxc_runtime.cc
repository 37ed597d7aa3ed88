#include "runtimes/lxc/lxc_runtime.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <utility>

#include "agent/system/child.h"
#include "agent/system/sealed_program.h"
#include "runtimes/exit_file.h"
#include "runtimes/images/root_image.h"
#include "runtimes/journal_log.h"
#include "runtimes/lxc/lxc_config.h"
#include "runtimes/lxc/refused_members.h"
#include "runtimes/lxc/seccomp_text.h"
#include "runtimes/lxc/system_init.h"
#include "runtimes/oci/bundle.h"
#include "runtimes/oci/chosen_confinement.h"
#include "runtimes/oci/pid_file.h"
#include "runtimes/oci/seccomp_profile.h"
#include "runtimes/oci/spec_size.h"
#include "runtimes/secret_files.h"
#include "runtimes/sessions/session_socket.h"
#include "runtimes/volume_targets.h"

namespace drover::runtimes {
namespace {

using std::chrono::milliseconds;

/// Beyond SIGKILL the kernel has its own time only, as with a process in uninterruptible sleep.
constexpr std::chrono::seconds kKillTimeout{30};
constexpr std::chrono::seconds kStartTimeout{60};
/// How long an init that was sent a signal may be on its way out when it can no more be thawed.
constexpr std::chrono::seconds kThawRace{2};

Result<> send_signal(const system::UniqueFd& process, int signal) {
  if (syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) != 0 && errno != ESRCH) {
    return fail(Code::broken, "send signal {}: {}", signal, std::strerror(errno));
  }
  return {};
}

/// Whether the process ended in time; `cancelled` on `stop`.
Result<bool> await_end(const system::UniqueFd& process, milliseconds timeout, const Stop& stop) {
  std::array<pollfd, 2> fds = {{{process.get(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  for (;;) {
    const int ready = poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
    if (ready >= 0 || errno != EINTR) {
      break;
    }
  }
  if ((fds.at(0).revents & POLLIN) != 0) {
    return true;
  }
  TRY(stop.check("wait for a container's end"));
  return false;
}

Result<> check_signal(std::string_view verb, const ContainerName& name, int signal) {
  if (signal < 1 || signal > 64) {
    return fail(Code::invalid, "{} container {}: there is no signal {}", verb, name.str(), signal);
  }
  return {};
}

}  // namespace

LxcRuntime::LxcRuntime(Layout layout, LxcOptions options)
    : layout_(std::move(layout)),
      options_(std::move(options)),
      sessions_(*this, layout_, {options_.exec_program, options_.log},
                [this](const Container& container, const ExecRequest& request, const SessionFiles&,
                       const Stop& stop) -> Result<SessionStart> {
                  return TRY(make_session(container, request, stop));
                }) {}

Capabilities LxcRuntime::capabilities() const {
  return {.restartable = true,
          .no_checkpoints =
              "lxc-checkpoint needs the program criu, and restores no container whose "
              "monitor is Drover's own",
          .no_snapshots = ""};
}

Result<> LxcRuntime::accepts(const ContainerSpec& spec) const {
  TRY(check_root_image(spec, kind()));
  TRY(refuse_lxc_members(spec));
  TRY(check_volume_targets(spec, kind()));
  TRY(check_limits(whole_limits(spec.resources, bundle_options()), to_string(kind())));
  TRY(check_choices(spec, kind(), has_apparmor()));
  const std::string_view user = std::string_view(spec.user).substr(0, spec.user.find(':'));
  if (!spec.security.capabilities_add.empty() && !user.empty() && user != "0" && user != "root") {
    return fail(Code::refused,
                "lxc, capabilities: only root can hold those that are added, and user {} is not; "
                "leave one of both out",
                spec.user);
  }
  TRY(block_io_of(spec.resources.io).context(std::string(to_string(kind()))));
  TRY(check_spec_size(spec, kind()));
  TRY(check_journal(spec.log, to_string(kind())));
  return check_lxc_filter(spec, bundle_options());
}

std::optional<system::UniqueFd> LxcRuntime::monitor(const ContainerName& name) const {
  const Result<std::string> text = system::read_file(home(name) / "monitor", 256);
  const Result<json::Value> value = text ? json::parse(*text) : Failure(text.error());
  if (!value) {
    return std::nullopt;
  }
  Result<system::UniqueFd> process =
      system::open_process({static_cast<pid_t>(value->at("pid").integer_or(0)),
                            static_cast<std::uint64_t>(value->at("start_time").integer_or(0))});
  return process ? std::optional(std::move(*process)) : std::nullopt;
}

Result<State> LxcRuntime::state_of(const ContainerName& name, const Stop& stop) const {
  std::error_code error;
  if (!std::filesystem::exists(home(name) / "config", error)) {
    return fail(Code::not_found, "LXC has no container {}", name.str());
  }
  // The monitor writes the exit file when it has nothing else left to do, and a start removes it.
  const bool ended = std::filesystem::exists(layout_.exit_file(name), error);
  if (!ended && monitor(name)) {
    const LxcLife life = TRY(lxc_life(lxc_path(name), name.str(), stop));
    const Status status = life.status == Status::stopped ? Status::stopping : life.status;
    return State{status, life.init, {}};
  }
  if (std::filesystem::exists(home(name) / "monitor", error)) {
    Exit exit = read_exit_file(layout_.exit_file(name));
    // Only a SIGKILL of the first process, which is not ours, was that one's end.
    exit.oom = exit.code == 128 + SIGKILL &&
               std::filesystem::exists(lack_of_memory_note(home(name)), error) &&
               !std::filesystem::exists(home(name) / kKilledNote, error);
    return State{Status::stopped, 0, exit};
  }
  return State{Status::created, 0, {}};
}

Result<State> LxcRuntime::require(const Container& container, std::string_view verb,
                                  std::initializer_list<Status> states, const Stop& stop) const {
  State state = TRY(state_of(container.name, stop));
  if (std::find(states.begin(), states.end(), state.status) == states.end()) {
    return fail(Code::conflict, "{} container {}: it is {}", verb, container.name.str(),
                to_string(state.status));
  }
  return state;
}

Result<> LxcRuntime::create(const Container& container, const Stop& stop) {
  TRY(stop.check("create container " + container.name.str()));
  const Path folder = home(container.name);
  std::error_code error;
  if (std::filesystem::exists(folder / "config", error)) {
    return fail(Code::conflict, "create container {}: LXC has one of that name",
                container.name.str());
  }
  const Spec spec = TRY(make_spec(container, bundle_options()));
  // An earlier container of this name may have left one.
  std::filesystem::remove(layout_.exit_file(container.name), error);
  return write_config(container, spec);
}

BundleOptions LxcRuntime::bundle_options() const {
  BundleOptions options;
  options.seccomp_profile =
      options_.seccomp_profile.empty() ? Path(kDefaultSeccompProfile) : options_.seccomp_profile;
  options.default_pids = options_.default_pids;
  options.default_memory_mib = options_.default_memory_mib;
  options.secrets = layout_.laid_out_secrets();
  // liblxc passes over it where the kernel has none.
  options.apparmor = true;
  return options;
}

Result<> LxcRuntime::start(const Container& container, const Stop& stop) {
  TRY(require(container, "start", {Status::created, Status::stopped}, stop));
  // Written anew: one that an older agent has left may still let liblxc mount the volumes.
  const Path folder = home(container.name);
  Spec spec = TRY(read_bundle(folder));
  const std::string what = "start container " + container.name.str();
  TRY(renew_devices(spec, container.spec.devices).context(what));
  spec.set({"linux", "resources", "blockIO"},
           TRY(block_io_of(container.spec.resources.io).context(what)));
  TRY(add_missing_filter(spec, container.spec, bundle_options()).context(what));
  TRY(write_config(container, spec));
  std::error_code error;
  for (const Path& left :
       {layout_.exit_file(container.name), lack_of_memory_note(folder), folder / kKilledNote}) {
    std::filesystem::remove(left, error);
  }
  TRY(system::make_folders(layout_.exits(), 0700));
  TRY(system::make_folders(layout_.pids(), 0700));
  const SecretFiles secrets = TRY(lay_out_secrets(layout_, container).context(what));
  const LogBounds log = bounds_of(container.spec.log, options_.log);
  system::RunOptions options;
  options.timeout = kStartTimeout;
  std::vector<std::string> argv(
      {options_.monitor_program.native(), "--lxc-path", lxc_path(container.name).native(), "--name",
       container.name.str(), "--hook-folder", hook_folder(container, folder).native(), "--log",
       layout_.log(container.name).native(), "--log-file-bytes", std::to_string(log.file_bytes),
       "--log-files", std::to_string(log.files), "--exit-file",
       layout_.exit_file(container.name).native(), "--pid-file",
       layout_.pid_file(container.name).native()});
  const system::SealedProgram sealed =
      TRY(system::SealedProgram::open(options_.monitor_program).context(what));
  options.child.program = sealed.path();
  system::UniqueFd listener;
  if (container.spec.input || container.spec.terminal) {
    listener = TRY(listen_at(folder));
    options.child.descriptors = {{listener.get(), kSessionListener}};
  }
  if (container.spec.input) {
    argv.emplace_back("--input");
  }
  if (container.spec.terminal) {
    argv.emplace_back("--terminal");
  }
  if (!container.spec.log.driver.empty()) {
    argv.emplace_back("--journal");
  }
  const Result<system::Output> started = system::run(argv, stop, options);
  if (started && started->ending.code == 0) {
    return {};
  }
  // Cancelled in the middle it may have come up nevertheless.
  const Stop never;
  if (const Result<State> state = state_of(container.name, never);
      state && state->status != Status::created && state->status != Status::stopped) {
    [[maybe_unused]] const Result<> ended = end(container, *state, SIGKILL, milliseconds(0), never);
  }
  return started ? fail(Code::broken, "{}: {}", what, started->last_line())
                 : Failure(Error(started.error()).context(what));
}

Result<> LxcRuntime::kill(const Container& container, int signal, const Stop& stop) {
  TRY(check_signal("kill", container.name, signal));
  const State state = TRY(require(container, "kill", {Status::running, Status::paused}, stop));
  const std::string& name = container.name.str();
  const system::UniqueFd init = TRY(lxc_open_init(lxc_path(container.name), name));
  if (signal == SIGKILL) {
    note_kill(home(container.name));
  }
  TRY(send_signal(init, signal));
  if (signal == SIGKILL && state.status == Status::paused) {
    TRY(thaw_or_end(container.name, init, stop));
  }
  return {};
}

/// SIGKILL may have ended it before it could be thawed, and so may a signal the thaw itself.
Result<> LxcRuntime::thaw_or_end(const ContainerName& name, const system::UniqueFd& init,
                                 const Stop& stop) const {
  const Result<> thawed = lxc_thaw(lxc_path(name), name.str(), stop);
  return thawed || TRY(await_end(init, kThawRace, stop)) ? Result<>() : thawed;
}

/// Its first process first, which takes all others with it, then its monitor, which writes how it
/// ended.
Result<> LxcRuntime::end(const Container& container, const State& state, int signal,
                         milliseconds grace, const Stop& stop) {
  const std::optional<system::UniqueFd> watching = monitor(container.name);
  const Result<system::UniqueFd> init =
      lxc_open_init(lxc_path(container.name), container.name.str());
  if (init) {
    TRY(send_signal(*init, signal));
    if (state.status == Status::paused) {
      TRY(thaw_or_end(container.name, *init, stop));
    }
    if (!TRY(await_end(*init, grace, stop))) {
      note_kill(home(container.name));
      TRY(send_signal(*init, SIGKILL));
      if (!TRY(await_end(*init, kKillTimeout, stop))) {
        return fail(Code::timed_out, "stop container {}: process {} does not end even by SIGKILL",
                    container.name.str(), state.pid);
      }
    }
  }
  if (watching && !TRY(await_end(*watching, kKillTimeout, stop))) {
    return fail(Code::timed_out, "stop container {}: its monitor does not end",
                container.name.str());
  }
  return {};
}

int LxcRuntime::usual_stop_signal(const Container& container) const {
  const Result<Spec> spec = read_bundle(home(container.name));
  return runtimes::usual_stop_signal(spec ? init_system_of(container.rootfs, spec->args())
                                          : InitSystem::none);
}

Result<Exit> LxcRuntime::stop(const Container& container, int signal, milliseconds grace,
                              const Stop& stop) {
  TRY(check_signal("stop", container.name, signal));
  const State state =
      TRY(require(container, "stop",
                  {Status::running, Status::paused, Status::stopping, Status::stopped}, stop));
  if (state.status != Status::stopped) {
    TRY(end(container, state, signal, grace, stop));
  }
  const State ended = TRY(state_of(container.name, stop));
  return ended.exit.value_or(Exit{});
}

Result<> LxcRuntime::pause(const Container& container, const Stop& stop) {
  TRY(require(container, "pause", {Status::running}, stop));
  return lxc_freeze(lxc_path(container.name), container.name.str(), stop);
}

Result<> LxcRuntime::resume(const Container& container, const Stop& stop) {
  TRY(require(container, "resume", {Status::paused}, stop));
  return lxc_thaw(lxc_path(container.name), container.name.str(), stop);
}

Result<State> LxcRuntime::state(const Container& container, const Stop& stop) {
  return state_of(container.name, stop);
}

Result<system::UniqueFd> LxcRuntime::first_process(const Container& container,
                                                   const Stop& /*stop*/) {
  // As its monitor has written it, which may hang: LXC would be asked in vain then.
  system::UniqueFd process =
      monitor(container.name) ? open_in(layout_.pid_file(container.name)) : system::UniqueFd();
  return process.valid()
             ? Result<system::UniqueFd>(std::move(process))
             : fail(Code::not_found, "container {} has no process", container.name.str());
}

Result<> LxcRuntime::remove(const Container& container, bool force, const Stop& stop) {
  const Result<State> state = state_of(container.name, stop);
  if (!state) {
    if (state.error().code != Code::not_found) {
      return Failure(state.error());
    }
    return system::remove_tree(home(container.name));
  }
  if (state->status != Status::created && state->status != Status::stopped) {
    if (!force) {
      return fail(Code::conflict, "remove container {}: it is {}", container.name.str(),
                  to_string(state->status));
    }
    TRY(end(container, *state, SIGKILL, milliseconds(0), stop));
  }
  TRY(system::remove_tree(home(container.name)));
  std::error_code error;
  std::filesystem::remove(layout_.exit_file(container.name), error);
  std::filesystem::remove(layout_.pid_file(container.name), error);
  return {};
}

Result<std::vector<Found>> LxcRuntime::inventory(const Stop& stop) {
  std::vector<Found> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(layout_.lxc(), error), end; !error && entry != end;
       entry.increment(error)) {
    const Result<ContainerName> name = ContainerName::parse(entry->path().filename().native());
    if (!name) {
      continue;
    }
    Result<State> state = state_of(*name, stop);
    if (!state) {
      continue;
    }
    const Result<Spec> spec = read_bundle(home(*name));
    found.push_back({name->str(), spec ? std::string(spec->annotation(kJobAnnotation)) : "",
                     std::move(*state)});
  }
  return found;
}

}  // namespace drover::runtimes
