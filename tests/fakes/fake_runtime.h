// FakeRuntime: a runtime that keeps its containers in memory.
#pragma once

#include <poll.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fakes/fake_inputs.h"
#include "runtimes/runtime.h"

namespace drover::fakes {

/// Follows runtime.h: live state first, the same errors. Thread-safe.
class FakeRuntime : public runtimes::Runtime,
                    private runtimes::ExecSessions,
                    private runtimes::Checkpoints,
                    private runtimes::Snapshots,
                    private runtimes::Backups,
                    private runtimes::Disks {
 public:
  using Stop = system::Stop;

  /// Before it is used.
  void set_capabilities(runtimes::Capabilities capabilities) { capabilities_ = capabilities; }
  /// What backups tell that they do; "" for nothing, as before Proxmox's task has said so. Before
  /// it is used.
  void set_backup_mode(std::string mode) { backup_mode_ = std::move(mode); }
  /// The next call of this verb ("create", "start", ...) fails with this.
  void fail_next(const std::string& verb, Error error);
  /// What programs that exec runs end with from now on.
  void set_exec_code(int code) { exec_code_ = code; }
  /// Where what jobs run inside prints to. Before it is used.
  void set_layout(runtimes::Layout layout) { layout_ = std::move(layout); }
  /// How many programs were begun inside by jobs.
  int sessions_begun() const { return sessions_begun_; }
  /// Jobs of whose programs anything is kept.
  std::set<std::string> sessions();
  /// The machine has ended it, and nobody knows how.
  void lose_session(const std::string& job);
  enum class Hold { before_deed, after_deed };
  /// The next call of this verb waits there until it is asked to stop, and is then cancelled: a
  /// place where an agent may end.
  void hold_next(const std::string& verb, Hold where);
  /// The next call of this verb waits there for `let_go`: a place where others go on meanwhile.
  void pause_next(const std::string& verb, Hold where);
  void let_go();
  /// How many calls have come to where they are held.
  int held() const { return held_; }
  /// Programs take no notice of signals from now on, but of stop's.
  void ignore_signals() { signals_ignored_ = true; }
  /// What its programs end by where nobody says.
  void set_usual_stop_signal(int signal) { usual_stop_signal_ = signal; }
  /// What holds after the next start of any container only.
  void set_pending(std::vector<std::string> keys);
  /// The container's program ends by itself.
  void end(const std::string& name, int code);
  /// Somebody else has made it; it runs.
  void add_stranger(const std::string& name);
  /// It is there, as a job that nobody remembers has made it.
  void add(const std::string& name, const std::string& job);
  /// Nothing runs any more, and nobody knows how it ended.
  void reboot();
  /// A reboot takes it away.
  void forget(const std::string& name);
  /// How often its program was started.
  int starts(const std::string& name);
  /// What it was last updated to; none for one that never was.
  std::optional<Resources> limits(const std::string& name);
  /// As an admin sets them beside us.
  void set_limits(const std::string& name, const Resources& limits);
  bool has(const std::string& name);
  /// Why checkpoints are refused of every container from now on.
  void refuse_checkpoints(std::string why) { no_checkpoints_here_ = std::move(why); }
  /// Whether a checkpoint of it is kept.
  bool has_checkpoint(const std::string& name);
  /// How often a checkpoint, or a restore, was given up.
  int given_up() const { return given_up_; }
  std::vector<runtimes::Snapshot> snapshots_of(const std::string& name);
  /// Jobs whose backups there are.
  std::set<std::string> backups_by();

  /// How often it was asked to look whether the container's log is full.
  int log_looks(const std::string& name);
  /// How often it was asked to wait for what may go on.
  int settled() const { return settled_; }
  /// What programs read, and their terminals. None has any until it begins there.
  FakeInputs& inputs() { return inputs_; }

  RuntimeKind kind() const override { return RuntimeKind::runc; }
  runtimes::Capabilities capabilities() const override { return capabilities_; }
  Result<> settle(const runtimes::Container&, const Stop&) override {
    ++settled_;
    return {};
  }
  Result<> turn_log(const runtimes::Container& container) override;
  Result<> accepts(const ContainerSpec& spec) const override;
  Result<> create(const runtimes::Container& container, const Stop& stop) override;
  Result<> start(const runtimes::Container& container, const Stop& stop) override;
  Result<> kill(const runtimes::Container& container, int signal, const Stop& stop) override;
  int usual_stop_signal(const runtimes::Container&) const override { return usual_stop_signal_; }
  Result<Exit> stop(const runtimes::Container& container, int signal, std::chrono::milliseconds,
                    const Stop& stop) override;
  Result<> pause(const runtimes::Container& container, const Stop& stop) override;
  Result<> resume(const runtimes::Container& container, const Stop& stop) override;
  Result<int> exec(const runtimes::Container& container, const runtimes::ExecRequest& request,
                   const runtimes::Sink& out, const runtimes::Sink& err, const Stop& stop) override;
  runtimes::ExecSessions* exec_sessions() override { return this; }
  Result<> update(const runtimes::Container& container, const Resources& limits,
                  const Stop& stop) override;
  Result<std::vector<std::string>> pending(const runtimes::Container& container,
                                           const Stop& stop) override;
  Result<runtimes::State> state(const runtimes::Container& container, const Stop& stop) override;
  /// The test's own process.
  Result<system::UniqueFd> first_process(const runtimes::Container& container,
                                         const Stop& stop) override;
  Result<> remove(const runtimes::Container& container, bool force, const Stop& stop) override;
  Result<std::vector<runtimes::Found>> inventory(const Stop& stop) override;
  /// When its capabilities give no reason why not.
  runtimes::Snapshots* snapshots() override {
    return capabilities_.no_snapshots.empty() ? this : nullptr;
  }
  runtimes::Checkpoints* checkpoints() override {
    return capabilities_.no_checkpoints.empty() ? this : nullptr;
  }
  runtimes::Backups* backups() override {
    return capabilities_.no_backups.empty() ? this : nullptr;
  }
  runtimes::Disks* disks() override { return capabilities_.no_growth.empty() ? this : nullptr; }

 private:
  Result<> begin(const runtimes::Container& container, const JobId& job,
                 const runtimes::ExecRequest& request, const Stop& stop) override;
  Result<bool> begun(const JobId& job) override;
  Result<int> await(const JobId& job, const Stop& stop) override;
  Result<> end(const JobId& job, std::chrono::milliseconds patience) override;
  Result<> forget(const JobId& job) override;
  void end_others(const std::function<bool(const JobId& job)>& is_wanted) override;
  Result<std::unique_ptr<runtimes::ProgramInput>> open_input(const JobId& job) override {
    return inputs_.open(job.str());
  }
  Result<> resize_terminal(const JobId& job, const TerminalSize& size) override {
    return inputs_.resize(job.str(), size);
  }
  Result<std::unique_ptr<runtimes::ProgramInput>> open_own_input(
      const runtimes::Container& container) override {
    return inputs_.open(container.name.str());
  }
  Result<> resize_own_terminal(const runtimes::Container& container,
                               const TerminalSize& size) override {
    return inputs_.resize(container.name.str(), size);
  }

  Result<> check_checkpoints(const runtimes::Container& container) const override;
  Result<runtimes::Checkpoint> checkpoint(const runtimes::Container& container,
                                          const runtimes::CheckpointWish& wish, const JobId& job,
                                          const Stop& stop) override;
  Result<std::optional<runtimes::Checkpoint>> made_by(const runtimes::Container& container,
                                                      const JobId& job, const Stop& stop) override;
  Result<> give_up(const runtimes::Container& container, const Stop& stop) override;
  Result<> restore(const runtimes::Container& container, const Stop& stop) override;
  Result<bool> has_restored(const runtimes::Container& container, const Stop& stop) override;
  Result<> give_up_restore(const runtimes::Container& container, const Stop& stop) override;
  Result<> forget(const runtimes::Container& container) override;

  struct Kept {
    runtimes::Snapshot snapshot;
    std::string job;
    Resources limits;
  };

  Result<> take_snapshot(const runtimes::Container& container, const std::string& name,
                         const JobId& job, const Stop& stop) override;
  Result<bool> has_taken(const runtimes::Container& container, const std::string& name,
                         const JobId& job, const Stop& stop) override;
  Result<std::optional<Exit>> roll_back(const runtimes::Container& container,
                                        const std::string& name, const Stop& stop) override;
  Result<> remove_snapshot(const runtimes::Container& container, const std::string& name,
                           const Stop& stop) override;
  Result<Resources> limits(const runtimes::Container& container, const Stop& stop) override;
  Result<std::vector<runtimes::Snapshot>> list_snapshots(const runtimes::Container& container,
                                                         const Stop& stop) override;
  Result<runtimes::Backup> make_backup(const runtimes::Container& container,
                                       const runtimes::BackupWish& wish, const JobId& job,
                                       const Stop& stop) override;
  Result<> remove_backup(const runtimes::Container& container, const std::string& storage,
                         const JobId& job, const Stop& stop) override;

  Result<> grow(const runtimes::Container& container, const std::string& volume,
                std::uint64_t size_mib, const Stop& stop) override;
  /// Fails only if the test has asked for it.
  Result<> check_grown(const runtimes::Container& container, const std::string& volume,
                       std::uint64_t size_mib, const Stop& stop) override;
  Result<runtimes::DiskSizes> disk_sizes(const runtimes::Container& container,
                                         const Stop& stop) override;

  static constexpr pid_t kPid = 4711;

  static runtimes::State running() { return {Status::running, kPid, {}}; }
  runtimes::State stopped(int code) { return {Status::stopped, 0, Exit{code, false, ++ends_}}; }

  /// Does a verb as the test has asked for it.
  template <class Deed>
  auto perform(const std::string& verb, const Stop& stop, const Deed& deed) -> decltype(deed()) {
    std::unique_lock lock(mutex_);
    pause(lock, verb, Hold::before_deed);
    if (const auto planned = failures_.extract(verb)) {
      return Failure(planned.mapped());
    }
    const auto hold = holds_.extract(verb);
    if (hold && hold.mapped() == Hold::before_deed) {
      lock.unlock();
      return wait_for(stop);
    }
    auto done = deed();
    pause(lock, verb, Hold::after_deed);
    if (hold) {
      lock.unlock();
      return wait_for(stop);
    }
    return done;
  }
  void pause(std::unique_lock<std::mutex>& lock, const std::string& verb, Hold where);
  Failure wait_for(const Stop& stop);
  Result<runtimes::State*> find(const runtimes::Container& container);
  static Result<> require(const runtimes::State& state, const std::string& verb,
                          const runtimes::Container& container, Status wanted);
  Result<> change(const std::string& verb, const runtimes::Container& container, const Stop& stop,
                  Status from, const runtimes::State& to) {
    return perform(verb, stop, [&]() -> Result<> {
      runtimes::State* state = TRY(find(container));
      TRY(require(*state, verb, container, from));
      *state = to;
      return {};
    });
  }

  FakeInputs inputs_;
  runtimes::Capabilities capabilities_;
  std::atomic<std::int64_t> ends_ = 0;  // of any program; stands for the time
  std::atomic<int> held_ = 0;
  std::atomic<int> settled_ = 0;
  std::atomic<int> exec_code_ = 3;
  std::atomic<bool> signals_ignored_ = false;
  std::atomic<int> usual_stop_signal_ = SIGTERM;
  std::mutex mutex_;
  std::map<std::string, runtimes::State> states_;       // guarded by mutex_
  std::map<std::string, int> starts_;                   // guarded by mutex_
  std::map<std::string, int> log_looks_;                // guarded by mutex_
  std::map<std::string, std::string> jobs_;             // stamps; guarded by mutex_
  std::map<std::string, Resources> limits_;             // guarded by mutex_
  std::map<std::string, std::vector<Kept>> snapshots_;  // guarded by mutex_
  std::string no_checkpoints_here_;
  std::atomic<int> given_up_ = 0;
  /// Jobs that have made them, by container; guarded by mutex_
  std::map<std::string, std::pair<std::string, runtimes::Checkpoint>> checkpoints_;
  std::set<std::string> backups_;  // jobs; guarded by mutex_
  std::string backup_mode_;
  std::vector<std::string> pending_;                  // guarded by mutex_
  std::map<std::string, runtimes::DiskSizes> sizes_;  // guarded by mutex_
  std::map<std::string, Error> failures_;             // guarded by mutex_
  runtimes::Layout layout_;
  std::atomic<int> sessions_begun_ = 0;
  std::map<std::string, std::optional<int>> sessions_;  // codes by job; guarded by mutex_
  std::map<std::string, std::string> entered_;          // containers by job; guarded by mutex_
  std::map<std::string, Hold> holds_;                   // guarded by mutex_
  std::set<std::pair<std::string, Hold>> pauses_;       // guarded by mutex_
  bool paused_ = false;                                 // guarded by mutex_
  std::condition_variable went_on_;
};

}  // namespace drover::fakes
