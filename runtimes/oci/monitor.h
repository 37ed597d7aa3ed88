// Monitor: conmon(8), the process that stays with a container while agents come and go.
//
// It is the parent of the container's first process, so it alone learns the true exit code, and it
// writes what the container prints to Layout::log. It is nobody's child: conmon forks twice and
// makes a session of its own. It stays in the control group that the agent was in, so the agent's
// unit needs KillMode=process, else systemd ends all monitors with the agent.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/container_status.h"
#include "agent/system/stop.h"
#include "agent/system/unique_fd.h"
#include "runtimes/layout.h"
#include "runtimes/oci/command_line.h"

namespace drover::runtimes {

/// What the container's program reads and prints to.
struct MonitorStreams {
  bool input = false;     ///< what is sent to conmon's socket "attach"; else nothing
  bool terminal = false;  ///< which is then what it reads, too
};

/// What becomes of what it prints.
struct MonitorLog {
  /// A file that has as many is written to no more, until the monitor is told to go on in another
  /// one: what is printed until then is left out.
  std::uint64_t most_bytes = 0;
  bool journal = false;  ///< it goes to the node's journal as well (check_journal_name)
};

/// What a runtime makes a container of whose processes were written to the disk.
struct Restoring {
  Path images;                       ///< CRIU's
  std::vector<std::string> options;  ///< of `runc restore`
  std::string search_path;           ///< PATH, on which runc looks for CRIU
};

class Monitor {
 public:
  Monitor(Layout layout, Path conmon) : layout_(std::move(layout)), conmon_(std::move(conmon)) {}

  /// Starts conmon, which makes the container from Layout::bundle. Returns when the container is
  /// created, or with the runtime's own words when it could not be. On `stop` and at the deadline
  /// conmon runs on; `end` ends it with what it had begun. With `restoring` the container runs
  /// then; CRIU's log is restore.log in the bundle.
  Result<> create(const CommandLine& runtime, const ContainerName& name, MonitorStreams streams,
                  MonitorLog log, const system::Stop& stop, std::chrono::milliseconds timeout,
                  const std::optional<Restoring>& restoring = std::nullopt) const;

  /// For an agent that has come after the one that had called `create` with `restoring`: waits
  /// until the container runs, and does what is left to do. False when there is no such monitor, or
  /// it has ended before.
  Result<bool> take_over(const ContainerName& name, MonitorLog log, const system::Stop& stop,
                         std::chrono::milliseconds timeout) const;

  /// Has it write no file that has more. One that has ended is success.
  Result<> bound_files(const ContainerName& name, std::uint64_t bytes) const;
  /// What it was bound to; nothing when it was not, or has ended.
  std::optional<std::uint64_t> bound_of_files(const ContainerName& name) const;

  /// Waits until the monitor has ended, and with it written everything it has to say: it outlives
  /// the container by a moment. One that is not there is success; `timed_out` when it is still
  /// there at the deadline.
  Result<> wait(const ContainerName& name, const system::Stop& stop,
                std::chrono::milliseconds timeout) const;
  /// Waits for it up to `grace`, then kills it; the runtime's create, if that still runs, dies with
  /// it.
  Result<> end(const ContainerName& name, const system::Stop& stop,
               std::chrono::milliseconds grace) const;
  bool is_alive(const ContainerName& name) const;

  /// How the container ended, as the monitor has written it; the code is absent when it could not.
  /// Whether that was for want of memory is for lack_of_memory.h.
  Exit read_exit(const ContainerName& name) const;
  /// Removes what monitors have written of it, except its log.
  Result<> forget(const ContainerName& name) const;

 private:
  /// A pidfd of it, or an invalid one.
  system::UniqueFd find(const ContainerName& name) const;
  /// No container's name has a dot.
  Path pid_file(const ContainerName& name) const {
    return layout_.pids() / (name.str() + ".monitor");
  }
  Path runtime_log(const ContainerName& name) const { return layout_.bundle(name) / "runtime.log"; }
  /// Of a monitor whose container is there.
  Result<> settle(const ContainerName& name, MonitorLog log) const;
  std::vector<std::string> argv(const CommandLine& runtime, const ContainerName& name,
                                MonitorStreams streams, bool journal,
                                const std::optional<Restoring>& restoring) const;

  Layout layout_;
  Path conmon_;
};

/// What conmon tells on its sync pipe: success for {"data": PID} with a number above 0, else the
/// failure that its message tells.
Result<> read_monitor_answer(std::string_view text, std::string_view runtime_log);

}  // namespace drover::runtimes
