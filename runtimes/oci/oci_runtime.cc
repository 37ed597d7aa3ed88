#include "runtimes/oci/oci_runtime.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "runtimes/exit_file.h"
#include "runtimes/images/root_image.h"
#include "runtimes/journal_log.h"
#include "runtimes/oci/cgroup.h"
#include "runtimes/oci/chosen_confinement.h"
#include "runtimes/oci/own_streams.h"
#include "runtimes/oci/pid_file.h"
#include "runtimes/oci/refused_members.h"
#include "runtimes/oci/seccomp_profile.h"
#include "runtimes/oci/spec_patch.h"
#include "runtimes/oci/spec_size.h"
#include "runtimes/oci/wait_for.h"
#include "runtimes/secret_files.h"
#include "runtimes/volume_targets.h"

namespace drover::runtimes {
namespace {

/// A runtime creates a container within a second; a node that swaps gets its time.
constexpr std::chrono::seconds kCreateTime{60};
/// What is killed may be stuck in the kernel, on storage that does not answer.
constexpr std::chrono::seconds kStopKillTime{60};
/// How long a group may take to freeze, and how often that is looked at.
constexpr std::chrono::milliseconds kFreezeTime{1000};
constexpr std::chrono::milliseconds kFreezeLook{20};
/// The monitor of an ended container has only its log to sync.
constexpr std::chrono::seconds kExitFileTime{10};

void send(const system::UniqueFd& process, int signal) {
  // A process that has ended meanwhile is what a signal of ours is for.
  syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0U);
}

}  // namespace

OciRuntime::OciRuntime(Layout layout, OciOptions options)
    : layout_(std::move(layout)),
      options_(std::move(options)),
      runtime_(options_.program, layout_.runtime_root(options_.kind), options_.systemd_cgroup),
      monitor_(layout_, options_.conmon),
      sessions_(
          *this, layout_, {options_.exec_program, options_.log},
          [this](const Container& container, const ExecRequest& request, const SessionFiles& files,
                 const Stop& stop) { return make_session(container, request, files, stop); }) {}

Capabilities OciRuntime::capabilities() const {
  // That of Debian. What runc lacks on a node, check_checkpoints says.
  return {.no_checkpoints = kind() == RuntimeKind::crun ? "crun is built without CRIU" : "",
          .no_snapshots = ""};
}

BundleOptions OciRuntime::bundle_options() const {
  return {
      options_.systemd_cgroup,
      options_.seccomp_profile.empty() ? Path(kDefaultSeccompProfile) : options_.seccomp_profile,
      options_.default_pids,
      options_.default_memory_mib,
      has_apparmor(),
      layout_.laid_out_secrets()};
}

Result<> OciRuntime::accepts(const ContainerSpec& spec) const {
  TRY(check_root_image(spec, kind()));
  TRY(refuse_oci_members(spec, kind()));
  TRY(check_volume_targets(spec, kind()));
  const BundleOptions options = bundle_options();
  TRY(check_limits(whole_limits(spec.resources, options), to_string(kind())));
  TRY(check_choices(spec, kind(), options.apparmor));
  TRY(block_io_of(spec.resources.io).context(to_string(kind())));
  // crun 1.8 writes to blkio.weight, which no kernel since Linux 5.0 has.
  std::error_code error;
  if (spec.resources.io.weight != 0 && kind() == RuntimeKind::crun &&
      std::filesystem::exists("/sys/fs/cgroup/blkio", error)) {
    return fail(Code::refused,
                "crun, resources.io.weight: crun does not know where the control groups of version "
                "1, which the node has, take it; use runc, or leave it out");
  }
  if (const Path profile = seccomp_profile_of(spec, options); !profile.empty()) {
    TRY(check_seccomp_profile(profile).context(to_string(kind())));
  }
  TRY(check_spec_size(spec, kind()));
  TRY(check_journal(spec.log, to_string(kind())));
  return check_spec_patch(spec.oci, kind());
}

Result<LiveState> OciRuntime::live(const Container& container, const Stop& stop) const {
  const std::optional<LiveState> state = TRY(ask_live_state(runtime_, container.name.str(), stop));
  if (state) {
    return *state;
  }
  const Result<Spec> bundle = read_bundle(layout_.bundle(container.name));
  if (bundle && bundle->annotation(kJobAnnotation) == container.job.str()) {
    return LiveState{Status::stopped, 0, container.job.str()};
  }
  return fail(Code::not_found, "{} has no container {}", to_string(kind()), container.name.str());
}

Result<LiveState> OciRuntime::require(const Container& container, std::string_view verb,
                                      std::initializer_list<Status> legal, const Stop& stop) const {
  const LiveState now = TRY(live(container, stop));
  if (std::find(legal.begin(), legal.end(), now.status) == legal.end()) {
    return fail(Code::conflict, "{} container {}: it is {}", verb, container.name.str(),
                to_string(now.status));
  }
  return now;
}

Result<> OciRuntime::act(const Container& container, const std::vector<std::string>& words,
                         const Stop& stop) const {
  const Result<std::string> done = runtime_.run(words, stop);
  if (done) {
    return {};
  }
  if (done.error().code == Code::broken) {
    const Result<LiveState> now = live(container, stop);
    if (now && now->status == Status::stopped) {
      return fail(Code::conflict, "{} container {}: it has ended", words.front(),
                  container.name.str());
    }
  }
  return Failure(done.error());
}

Result<> OciRuntime::require_now(const Container& container, Status wanted,
                                 const Stop& stop) const {
  const LiveState now = TRY(live(container, stop));
  if (now.status == wanted) {
    return {};
  }
  return fail(now.status == Status::stopped ? Code::conflict : Code::broken,
              "container {} should be {} now, but is {}", container.name.str(), to_string(wanted),
              to_string(now.status));
}

Result<> OciRuntime::create(const Container& container, const Stop& stop) {
  const ContainerName& name = container.name;
  TRY(stop.check("create container " + name.str()));
  if (monitor_.is_alive(name) || TRY(ask_live_state(runtime_, name.str(), stop))) {
    return fail(Code::conflict, "{} has a container {} already", to_string(kind()), name.str());
  }
  // Of one that a reboot ended, or of a create that an agent's end cut off.
  TRY(monitor_.forget(name));
  // Its first process has them mounted when it is created.
  const SecretFiles secrets =
      TRY(lay_out_secrets(layout_, container).context("create container " + name.str()));
  TRY(end_torn_record(layout_.log(name)));
  Result<> created = write_bundle(layout_, container, bundle_options());
  if (created) {
    created = monitor_.create(runtime_, name, {container.spec.input, container.spec.terminal},
                              monitor_log(container.spec), stop, kCreateTime);
  }
  if (created) {
    return {};
  }
  Error error = std::move(created).error();
  const Stop never;
  if (const Result<> undone = take_away(name, never); !undone) {
    error.message += "; then, while undoing it: " + undone.error().message;
  } else if (const Result<> left =
                 remove_cgroup(cgroup_path_of(name, options_.systemd_cgroup), never);
             !left) {
    // crun 1.8 leaves its groups when the kernel does not take one of their limits.
    error.message += "; then, while removing its control groups: " + left.error().message;
  }
  return Failure(std::move(error).context("create container " + name.str()));
}

Result<> OciRuntime::start(const Container& container, const Stop& stop) {
  if (container.users != 0) {
    const LiveState now = TRY(require(container, "start", {Status::created}, stop));
    const Spec spec = TRY(read_bundle(layout_.bundle(container.name)));
    TRY(give_streams(spec, now.pid).context("start container " + container.name.str()));
  }
  // Not asked before, which would take as long again: neither runtime starts one that is in another
  // state, and says so.
  const Result<> started = act(container, {"start", container.name.str()}, stop);
  if (!started && started.error().code == Code::broken) {
    TRY(require(container, "start", {Status::created}, stop));
  }
  return started;
}

Result<> OciRuntime::kill(const Container& container, int signal, const Stop& stop) {
  if (signal < 1 || signal > 64) {
    return fail(Code::invalid, "kill container {}: there is no signal {}", container.name.str(),
                signal);
  }
  const LiveState now = TRY(require(container, "kill", {Status::running, Status::paused}, stop));
  if (signal == SIGKILL) {
    note_kill(layout_.bundle(container.name));
  }
  // As a number: crun takes a name that it does not know for 0 and says that it is done.
  TRY(act(container, {"kill", container.name.str(), std::to_string(signal)}, stop));
  if (signal == SIGKILL && now.status == Status::paused) {
    // Frozen by cgroup v1 it would end only when thawed. Where it has ended already, this fails.
    (void)runtime_.run({"resume", container.name.str()}, stop).has_value();
  }
  return {};
}

Result<Exit> OciRuntime::stop(const Container& container, int signal,
                              std::chrono::milliseconds grace, const Stop& stop) {
  if (signal < 1 || signal > 64) {
    return fail(Code::invalid, "stop container {}: there is no signal {}", container.name.str(),
                signal);
  }
  const ContainerName& name = container.name;
  const LiveState now =
      TRY(require(container, "stop", {Status::running, Status::paused, Status::stopped}, stop));
  const system::UniqueFd first =
      now.status == Status::stopped ? system::UniqueFd() : TRY(open_first_process(name, stop));
  if (!first.valid()) {
    return ended(name, stop);
  }
  send(first, signal);
  if (now.status == Status::paused) {
    const Result<> resumed = act(container, {"resume", name.str()}, stop);
    if (!resumed && resumed.error().code != Code::conflict) {
      return Failure(resumed.error());
    }
  }
  if (!TRY(wait_for(first.get(), stop, std::chrono::steady_clock::now() + grace))) {
    note_kill(layout_.bundle(name));
    send(first, SIGKILL);
    if (!TRY(wait_for(first.get(), stop, std::chrono::steady_clock::now() + kStopKillTime))) {
      return fail(Code::timed_out, "stop container {}: it did not end by SIGKILL within {} s",
                  name.str(), kStopKillTime.count());
    }
  }
  return ended(name, stop);
}

Result<> OciRuntime::pause(const Container& container, const Stop& stop) {
  TRY(require(container, "pause", {Status::running}, stop));
  // A program that is about to fork, or hangs in the kernel, can keep its group from freezing. runc
  // then gives up and leaves the next try to its caller (opencontainers/runc#4388); crun says that
  // it is done. What is frozen in part, or might be later, is thawed.
  const auto give_up = [&](const std::string& why) {
    const Stop never;
    (void)runtime_.run({"resume", container.name.str()}, never).has_value();
    return fail(Code::unavailable, "pause container {}: {}", container.name.str(), why);
  };
  const Result<> told = act(container, {"pause", container.name.str()}, stop);
  if (!told && told.error().code == Code::broken &&
      told.error().message.find(" to freeze") != std::string::npos) {
    return give_up(told.error().message);
  }
  TRY(told);
  // The kernel freezes one process after the other, and crun does not wait for that.
  const auto deadline = std::chrono::steady_clock::now() + kFreezeTime;
  LiveState now = TRY(live(container, stop));
  while (now.status == Status::running && std::chrono::steady_clock::now() < deadline) {
    TRY(wait_for(stop.fd(), stop, std::chrono::steady_clock::now() + kFreezeLook));
    now = TRY(live(container, stop));
  }
  return now.status == Status::running ? give_up("its programs could not be frozen")
                                       : require_now(container, Status::paused, stop);
}

Result<> OciRuntime::resume(const Container& container, const Stop& stop) {
  TRY(require(container, "resume", {Status::paused}, stop));
  TRY(act(container, {"resume", container.name.str()}, stop));
  return require_now(container, Status::running, stop);
}

Result<State> OciRuntime::state(const Container& container, const Stop& stop) {
  const LiveState now = TRY(live(container, stop));
  State state{now.status, now.pid, std::nullopt};
  if (now.status == Status::stopped) {
    state.exit = TRY(ended(container.name, stop));
  }
  return state;
}

Result<system::UniqueFd> OciRuntime::first_process(const Container& container,
                                                   const Stop& /*stop*/) {
  system::UniqueFd process = open_in(layout_.pid_file(container.name));
  return process.valid()
             ? Result<system::UniqueFd>(std::move(process))
             : fail(Code::not_found, "container {} has no process", container.name.str());
}

Result<system::UniqueFd> OciRuntime::open_first_process(const ContainerName& name,
                                                        const Stop& stop) const {
  std::optional<LiveState> before = TRY(ask_live_state(runtime_, name.str(), stop));
  while (before && before->pid > 0) {
    system::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, before->pid, 0)));
    // Asked again with the descriptor open: if it is still the container's, the descriptor is too.
    const std::optional<LiveState> after = TRY(ask_live_state(runtime_, name.str(), stop));
    if (after && after->pid == before->pid && process.valid()) {
      return process;
    }
    before = after;
  }
  return system::UniqueFd();
}

Result<Exit> OciRuntime::ended(const ContainerName& name, const Stop& stop) const {
  TRY(monitor_.wait(name, stop, kExitFileTime));
  if (std::optional<Exit> written = end_by_checkpoint(name, stop)) {
    return *std::move(written);
  }
  Exit exit = monitor_.read_exit(name);
  const Path bundle = layout_.bundle(name);
  const Path pid_file = layout_.pid_file(name);
  exit.oom = lack_of_memory_.was_end_of(
      {bundle, pid_file, cgroup_path_of(name, options_.systemd_cgroup)}, exit);
  return exit;
}

}  // namespace drover::runtimes
