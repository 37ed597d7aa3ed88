// Runtime: one way to run containers. runc, crun, lxc and pve-lxc answer to the same verbs.
#pragma once

#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "agent/system/unique_fd.h"
#include "runtimes/backups.h"
#include "runtimes/checkpoints.h"
#include "runtimes/container.h"
#include "runtimes/disks.h"
#include "runtimes/exec_sessions.h"
#include "runtimes/migrations.h"
#include "runtimes/network/network.h"
#include "runtimes/program_input.h"
#include "runtimes/snapshots.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

using system::Stop;

/// What a runtime cannot do is refused before a job is accepted.
struct Capabilities {
  bool restartable = false;        ///< start works again after the container has stopped
  bool provisions_itself = false;  ///< makes its own root, volumes and network (Proxmox guests)
  bool knows_exit_code = true;
  /// Why it writes no processes to the disk, and restores none; of one that has
  /// Runtime::checkpoints, "".
  std::string_view no_checkpoints = "nothing restores what it would write";
  /// Why it keeps no snapshots; of one that has Runtime::snapshots, "".
  std::string_view no_snapshots = "nothing copies what its root has become";
  /// Why it makes no backups; of one that has Runtime::backups, "".
  std::string_view no_backups = "only guests of Proxmox (pve-lxc) have any";
  /// Why it grows no disks itself; of one that has Runtime::disks, "".
  std::string_view no_growth =
      "only those of guests of Proxmox (pve-lxc) do; any other has the room of the node's disk";
  /// Why its containers move to no other node; of one that has Runtime::migrations, "".
  std::string_view no_migration = "only guests of Proxmox (pve-lxc) do";
  /// Why its containers get no other images below their roots; of one whose containers do, "".
  std::string_view no_upgrade = "";
};

/// What a runtime that `provisions_itself` has given a container.
struct Provided {
  std::optional<Vmid> vmid;
  std::vector<Attachment> interfaces;
  std::vector<Volume> volumes;
  /// Of one made of a backup, whose limits hold where the spec names none.
  std::optional<Resources> resources{};
  DiskSizes sizes{};
};

/// Takes what a program prints; called on the worker's thread.
using Sink = std::function<void(std::string_view chunk)>;

/// What its maker is given of a container, for people to read.
struct Preview {
  std::string_view form;  ///< what `content` is: "config.json"
  json::Value content;    ///< a string where it is no JSON
};

/// A container that the runtime has, whoever made it.
struct Found {
  std::string name;
  std::string job;  ///< stamp of the job that made it; "" when it is not ours
  State state;
  std::optional<Vmid> vmid{};  ///< of a guest: several may have one name
};

/// All verbs block, may be called from several threads at once (one at a time for each container;
/// `state` and `exec` also beside it), and end with `cancelled` soon after `stop` was requested.
/// Each reads the live state first and decides by it; a container that the runtime does not have is
/// `not_found`, a verb that does not fit the state `conflict`.
class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual RuntimeKind kind() const = 0;
  /// Asked at every turn: it looks nowhere.
  virtual Capabilities capabilities() const = 0;
  /// Whether stdout and stderr are in Layout::log on this node as it is now.
  virtual bool keeps_output() const { return true; }

  /// Waits for what an earlier agent has begun with the container and what goes on without it, as a
  /// task of Proxmox does. Whoever takes up a job in its middle calls it before any other verb.
  virtual Result<> settle(const Container& /*container*/, const Stop& /*stop*/) { return {}; }
  /// Ends the programs that `exec` of an earlier agent has left running inside, as those of probes,
  /// which nobody waits for any more. For an agent that has just begun: it ends those of this one
  /// as well.
  virtual void end_left_execs() {}

  /// `refused` naming the first field of the spec that this runtime cannot give, so that nothing is
  /// dropped in silence. Without side effects.
  virtual Result<> accepts(const ContainerSpec& spec) const = 0;

  /// What `create` would give to what makes the container, as it is known before that; its rootfs
  /// is a folder with its image's files, which are looked at and nothing else. Of a spec that it
  /// `accepts`; without side effects.
  virtual Result<Preview> preview(const Container& /*container*/) const {
    return fail(Code::refused, "runtime {} does not tell what it would make", to_string(kind()));
  }

  /// Makes it, with its program not yet running. `conflict` when there is one of that name. What a
  /// failed create had begun is undone.
  virtual Result<> create(const Container& container, const Stop& stop) = 0;
  /// Of one that it has created; nothing where others provision for it.
  virtual Result<Provided> provided(const Container& /*container*/, const Stop& /*stop*/) {
    return Provided{};
  }
  /// Legal from created, and from stopped where `restartable`.
  virtual Result<> start(const Container& container, const Stop& stop) = 0;
  /// Signal 1 to 64 to its first process. `conflict` when it is not running or paused.
  virtual Result<> kill(const Container& container, int signal, const Stop& stop) = 0;
  /// What ends the container's program in good order where neither its spec nor its image says.
  virtual int usual_stop_signal(const Container& /*container*/) const { return SIGTERM; }
  /// `signal`, then after `grace` SIGKILL; a paused one is resumed for it. Returns when it has
  /// ended, with how. One that is stopped already is success. `conflict` for one that was never
  /// started: nothing of it has begun that could end, and `remove` takes it away.
  virtual Result<Exit> stop(const Container& container, int signal, std::chrono::milliseconds grace,
                            const Stop& stop) = 0;
  /// Legal from running.
  virtual Result<> pause(const Container& container, const Stop& stop) = 0;
  /// Legal from live `paused` only.
  virtual Result<> resume(const Container& container, const Stop& stop) = 0;
  /// Runs a program inside to its end and returns its exit code (128 + N for signal N); it ends
  /// with the agent, and has neither input nor a terminal. Legal from running.
  virtual Result<int> exec(const Container& container, const ExecRequest& request, const Sink& out,
                           const Sink& err, const Stop& stop) = 0;
  /// Programs inside that go on without the agent; nullptr when there are none.
  virtual ExecSessions* exec_sessions() { return nullptr; }
  /// The standard input of its own program, or of what `job` runs inside. `conflict` when that
  /// reads none, `not_found` when it has ended. Quick.
  Result<std::unique_ptr<ProgramInput>> open_input(const Container& container,
                                                   const std::optional<JobId>& job) {
    ExecSessions* const sessions = job ? exec_sessions() : nullptr;
    return sessions != nullptr ? sessions->open_input(*job) : open_own_input(container);
  }
  /// Of the terminal of its own program, or of what `job` runs inside. `conflict` when that has
  /// none, `not_found` when it has ended. Quick.
  Result<> resize_terminal(const Container& container, const std::optional<JobId>& job,
                           const TerminalSize& size) {
    ExecSessions* const sessions = job ? exec_sessions() : nullptr;
    return sessions != nullptr ? sessions->resize_terminal(*job, size)
                               : resize_own_terminal(container, size);
  }
  /// Gives it these limits, as create would have: 0 is the node's default; but disks are left as
  /// they are, which only `disks` grows. They hold after its next
  /// start, too, when it is then told of with them. `conflict` for less memory than its programs
  /// hold, and for fewer processes than it has. What a failure leaves is a part of them; update to
  /// the old ones takes that back.
  virtual Result<> update(const Container& container, const Resources& limits,
                          const Stop& stop) = 0;
  /// Settings that somebody has changed and that hold after its next start only, by the names that
  /// whoever keeps them has for them.
  virtual Result<std::vector<std::string>> pending(const Container& /*container*/,
                                                   const Stop& /*stop*/) {
    return std::vector<std::string>();
  }
  /// Has what it prints kept in Layout::log from its next start on, as create and start do: for one
  /// that was made elsewhere.
  virtual Result<> keep_output(const Container& /*container*/, const Stop& /*stop*/) { return {}; }
  /// Has what it prints go on in another file once its log is full, for runtimes whose monitors do
  /// not see to that themselves. Quick; from any thread, also beside the other verbs.
  virtual Result<> turn_log(const Container& /*container*/) { return {}; }
  /// Takes away what keeps it, but the log: of one that goes on elsewhere.
  virtual Result<> forget_output(const Container& /*container*/) { return {}; }
  /// The spec of a container that is as this one is, which has a spec nobody here knows.
  virtual Result<ContainerSpec> spec_of(const Container& container, const Stop& /*stop*/) {
    return fail(Code::refused, "container {}: runtime {} does not tell what it was asked for",
                container.name.str(), to_string(kind()));
  }
  /// `not_found` when the runtime does not have it.
  virtual Result<State> state(const Container& container, const Stop& stop) = 0;
  /// A pidfd of its first process, on the host; `not_found` when it has none. Quick, and runs no
  /// program: it reads what the monitor has written, asks LXC or Proxmox.
  virtual Result<system::UniqueFd> first_process(const Container& container, const Stop& /*stop*/) {
    return fail(Code::refused, "container {}: runtime {} does not tell its first process",
                container.name.str(), to_string(kind()));
  }
  /// Legal from created and stopped, and with `force` from every state. Absent is success.
  virtual Result<> remove(const Container& container, bool force, const Stop& stop) = 0;
  /// nullptr when it keeps none (Capabilities::no_snapshots).
  virtual Snapshots* snapshots() { return nullptr; }
  /// nullptr when it makes none (Capabilities::no_checkpoints).
  virtual Checkpoints* checkpoints() { return nullptr; }
  /// nullptr when it makes none (Capabilities::no_backups).
  virtual Backups* backups() { return nullptr; }
  /// nullptr when its disks do not grow (Capabilities::no_growth).
  virtual Disks* disks() { return nullptr; }
  /// nullptr when they move to no other node (Capabilities::no_migration).
  virtual Migrations* migrations() { return nullptr; }
  /// Everything it has on this node.
  virtual Result<std::vector<Found>> inventory(const Stop& stop) = 0;

 private:
  /// `open_input` of its own program, for runtimes where that can read any.
  virtual Result<std::unique_ptr<ProgramInput>> open_own_input(const Container& container) {
    return fail(Code::refused, "container {}: programs of runtime {} get no input",
                container.name.str(), to_string(kind()));
  }
  /// `resize_terminal` of its own program, for runtimes where that can have one.
  virtual Result<> resize_own_terminal(const Container& container, const TerminalSize& /*size*/) {
    return fail(Code::refused, "container {}: programs of runtime {} get no terminal",
                container.name.str(), to_string(kind()));
  }
};

}  // namespace drover::runtimes
