// Child: runs a program by its argument list, never through a shell.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

/// How a program ended: `code` 0 to 255, 128 + N when signal N ended it.
struct Ending {
  int code = 0;
  int signal = 0;  ///< 0 when it exited by itself
  bool operator==(const Ending&) const = default;
};

struct ChildOptions {
  /// NAME=value pairs set on top of ours; NOTIFY_SOCKET and LISTEN_FDS are never passed on (a
  /// runtime that finds NOTIFY_SOCKET waits for a READY=1 that does not come).
  std::map<std::string, std::string> env{};
  std::string working_folder{};
  /// The file to run, where that is not the first of the arguments (SealedProgram).
  std::string program{};
  /// Descriptors of ours and the numbers they get in the child; all others are closed. Standard
  /// input, output and error are /dev/null where they are not named here.
  std::vector<std::pair<int, int>> descriptors{};
  /// The kernel ends the child when the thread that started it ends. Only for children whose
  /// starter outlives them by design.
  bool dies_with_parent = false;
  /// Ignored by the child when it begins.
  std::vector<int> ignored_signals{};
  /// Run in the child before the exec. Async-signal-safe calls only. Returning false ends the child
  /// with 127. It costs a copy of this process's address space.
  std::function<bool()> before_exec{};
};

/// A started program. Destroying it neither ends nor reaps the program.
class Child {
 public:
  /// `not_found` when the program is not there or not executable.
  static Result<Child> start(const std::vector<std::string>& argv,
                             const ChildOptions& options = {});
  /// A child of this process that a library has forked and nobody has reaped.
  static Result<Child> adopt(pid_t pid);

  pid_t pid() const { return pid_; }
  /// Readable when it has ended.
  int pidfd() const { return pidfd_.get(); }
  void signal(int number) const;
  /// Waits until it has ended and reaps it. On `stop`: SIGTERM, after 2 s SIGKILL, then
  /// `cancelled`. At the deadline the same with `timed_out`.
  Result<Ending> wait(const Stop& stop, std::optional<std::chrono::milliseconds> timeout = {});
  /// The ending when it has one already; reaps it.
  std::optional<Ending> try_wait();

 private:
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Ending reap();
  Ending end_now();

  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

struct Output {
  Ending ending;
  std::string out;
  std::string err;
  /// The last line of `err` (else of `out`) that is not blank: what a person wants to see of a
  /// failure.
  std::string_view last_line() const;
};

struct RunOptions {
  ChildOptions child{};
  std::string input{};                 ///< given to it on standard input
  std::size_t most_output = 1U << 20;  ///< of each stream; what is more is thrown away
  std::chrono::milliseconds timeout{120'000};
};

/// Runs the program to its end and keeps what it said. A program whose own children keep the pipes
/// open does not hold this up: once it has ended, only what is there already is read.
Result<Output> run(const std::vector<std::string>& argv, const Stop& stop,
                   const RunOptions& options = {});

/// The same; an ending other than 0 is an error `broken` with the program's last line.
Result<std::string> run_ok(const std::vector<std::string>& argv, const Stop& stop,
                           const RunOptions& options = {});

/// Calls `out`/`err` with what comes through the pipes until `child` has ended.
Result<Ending> stream_child(Child child, UniqueFd out_pipe, UniqueFd err_pipe, const Stop& stop,
                            const std::function<void(std::string_view)>& out,
                            const std::function<void(std::string_view)>& err,
                            std::optional<std::chrono::milliseconds> timeout = {});

/// Calls `out`/`err` with what the program prints, as it prints it, until it has ended.
Result<Ending> run_streaming(const std::vector<std::string>& argv, const Stop& stop,
                             const ChildOptions& options,
                             const std::function<void(std::string_view)>& out,
                             const std::function<void(std::string_view)>& err,
                             std::optional<std::chrono::milliseconds> timeout = {});

}  // namespace drover::system
