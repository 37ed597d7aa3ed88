// OciRuntime: containers by runc or crun, each under a conmon of its own.
//
// runc and crun differ in what they answer for a verb that does not fit the state (crun says yes to
// `resume` of a running one), so every verb but `start` reads the live state first and decides by
// it. After a reboot the runtimes know nothing any more; a container whose bundle is still there is
// then `stopped`, with the exit code where it had ended before.
#pragma once

#include <initializer_list>
#include <mutex>

#include "runtimes/log_rotation.h"
#include "runtimes/oci/bundle.h"
#include "runtimes/oci/checkpoint_folder.h"
#include "runtimes/oci/command_line.h"
#include "runtimes/oci/lack_of_memory.h"
#include "runtimes/oci/live_state.h"
#include "runtimes/oci/monitor.h"
#include "runtimes/root_snapshots.h"
#include "runtimes/runtime.h"
#include "runtimes/sessions/monitored_sessions.h"

namespace drover::runtimes {

struct OciOptions {
  RuntimeKind kind = RuntimeKind::crun;  ///< runc or crun
  Path program;
  Path conmon = "/usr/bin/conmon";
  bool systemd_cgroup = false;
  Path seccomp_profile;  ///< "" for kDefaultSeccompProfile
  std::uint64_t default_pids = 0;
  std::uint64_t default_memory_mib = 0;
  LogBounds log{};
  Path exec_program{};  ///< drover-exec
  /// What a container may print between two looks at its log, beyond all that its files may have,
  /// before some of it is left out: for 700 MB conmon takes a processor for a second.
  std::uint64_t log_ahead_bytes = std::uint64_t{1} << 30;
  Path criu = "/usr/sbin/criu";
};

/// Without changing state of its own: what is true stands with the runtime, conmon and the bundle.
class OciRuntime final : public Runtime, private Checkpoints {
 public:
  OciRuntime(Layout layout, OciOptions options);

  RuntimeKind kind() const override { return options_.kind; }
  Capabilities capabilities() const override;
  void end_left_execs() override;
  Result<> accepts(const ContainerSpec& spec) const override;
  Result<Preview> preview(const Container& container) const override;
  Result<> create(const Container& container, const Stop& stop) override;
  Result<> start(const Container& container, const Stop& stop) override;
  Result<> kill(const Container& container, int signal, const Stop& stop) override;
  Result<Exit> stop(const Container& container, int signal, std::chrono::milliseconds grace,
                    const Stop& stop) override;
  Result<> pause(const Container& container, const Stop& stop) override;
  Result<> resume(const Container& container, const Stop& stop) override;
  Result<int> exec(const Container& container, const ExecRequest& request, const Sink& out,
                   const Sink& err, const Stop& stop) override;
  ExecSessions* exec_sessions() override { return &sessions_; }
  Result<> update(const Container& container, const Resources& limits, const Stop& stop) override;
  Result<State> state(const Container& container, const Stop& stop) override;
  Result<system::UniqueFd> first_process(const Container& container, const Stop& stop) override;
  Result<> turn_log(const Container& container) override;
  Result<> remove(const Container& container, bool force, const Stop& stop) override;
  Checkpoints* checkpoints() override { return kind() == RuntimeKind::runc ? this : nullptr; }
  Result<std::vector<Found>> inventory(const Stop& stop) override;
  Snapshots* snapshots() override { return &snapshots_; }

 private:
  Result<> check_checkpoints(const Container& container) const override;
  Result<Checkpoint> checkpoint(const Container& container, const CheckpointWish& wish,
                                const JobId& job, const Stop& stop) override;
  Result<std::optional<Checkpoint>> made_by(const Container& container, const JobId& job,
                                            const Stop& stop) override;
  Result<> give_up(const Container& container, const Stop& stop) override;
  Result<> restore(const Container& container, const Stop& stop) override;
  Result<bool> has_restored(const Container& container, const Stop& stop) override;
  Result<> give_up_restore(const Container& container, const Stop& stop) override;
  Result<> forget(const Container& container) override;
  /// PATH with the folder first in which CRIU is: runc looks for it there.
  std::string search_path() const;
  static std::vector<std::string> criu_options(const CheckpointWish& wish);
  /// `unavailable` when the disk has no room for what the container of that process has in memory.
  Result<> check_room(pid_t pid) const;
  /// Has runc write it. On `stop` and at a deadline that goes on.
  Result<> dump(const ContainerName& name, const CheckpointFolder& folder,
                const CheckpointWish& wish, const Stop& stop) const;
  /// A checkpoint that is whole takes the place of the one before.
  Result<> keep_begun(const ContainerName& name, const CheckpointFacts& facts,
                      const Stop& stop) const;
  /// What is left to do once its processes go on.
  Result<> settle_restored(const ContainerName& name, const CheckpointFacts& facts,
                           const Stop& stop) const;
  /// What is left of a container whose processes ended by its checkpoint.
  Result<> end_checkpointed(const ContainerName& name, const CheckpointWish& wish,
                            const Stop& stop) const;
  /// None where its run did not end so.
  std::optional<Exit> end_by_checkpoint(const ContainerName& name, const Stop& stop) const;
  Result<std::unique_ptr<ProgramInput>> open_own_input(const Container& container) override;
  Result<> resize_own_terminal(const Container& container, const TerminalSize& size) override;
  BundleOptions bundle_options() const;
  /// How large a file of its log may become while nobody turns it.
  std::uint64_t most_log_bytes(const ContainerSpec& spec) const;
  MonitorLog monitor_log(const ContainerSpec& spec) const;
  /// `not_found` when neither the runtime nor a bundle of the same job is there.
  Result<LiveState> live(const Container& container, const Stop& stop) const;
  /// The live state when it is one of `legal`, else `conflict`.
  Result<LiveState> require(const Container& container, std::string_view verb,
                            std::initializer_list<Status> legal, const Stop& stop) const;
  /// Runs a verb of the runtime. When it fails because the container ended meanwhile, that is
  /// `conflict`.
  Result<> act(const Container& container, const std::vector<std::string>& words,
               const Stop& stop) const;
  Result<> require_now(const Container& container, Status wanted, const Stop& stop) const;
  /// A pidfd of its first process; invalid when it has ended.
  Result<system::UniqueFd> open_first_process(const ContainerName& name, const Stop& stop) const;
  /// The exit of one that has ended, once its monitor has written it.
  Result<Exit> ended(const ContainerName& name, const Stop& stop) const;
  /// SIGKILL to all that runs in it, also to what an ended agent had only begun to make.
  Result<> end_processes(const ContainerName& name, const Stop& stop) const;
  /// Ends and deletes whatever there is of it.
  Result<> take_away(const ContainerName& name, const Stop& stop) const;
  /// What `sessions_` begins one by.
  Result<SessionStart> make_session(const Container& container, const ExecRequest& request,
                                    const SessionFiles& files, const Stop& stop) const;
  /// What stays connected to conmon for whoever writes to its program, begun where it is not there
  /// yet; invalid when the program, or its input, has ended.
  Result<system::UniqueFd> connect_to_relay(const ContainerName& name);
  /// Ends a program that `exec` left inside.
  void end_exec(const ContainerName& name, const Path& pid_file) const;

  Layout layout_;
  OciOptions options_;
  CommandLine runtime_;
  Monitor monitor_;
  mutable LackOfMemory lack_of_memory_;
  MonitoredSessions sessions_;
  RootSnapshots snapshots_{*this, layout_};
  std::mutex relays_;  ///< held while one is begun
};

}  // namespace drover::runtimes
