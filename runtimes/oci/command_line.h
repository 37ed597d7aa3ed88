// CommandLine: runc and crun by their command line, which is the contract of both.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/system/child.h"
#include "runtimes/layout.h"

namespace drover::runtimes {

/// Immutable; used from any thread.
class CommandLine {
 public:
  /// `root` is where the runtime keeps its own state.
  CommandLine(Path program, Path root, bool systemd_cgroup);

  const Path& program() const { return program_; }
  const Path& root() const { return root_; }
  bool systemd_cgroup() const { return systemd_cgroup_; }

  /// PROGRAM, the options before the verb, then `words`. With `log` the runtime writes its errors
  /// there too.
  std::vector<std::string> argv(const std::vector<std::string>& words, const Path& log = {}) const;
  /// Runs it to its end. An ending other than 0 is `broken` with the runtime's last error.
  Result<std::string> run(const std::vector<std::string>& words, const system::Stop& stop) const;

 private:
  Path program_;
  Path root_;
  bool systemd_cgroup_;
};

/// What a runtime said went wrong: the message of the last record of level error ("--log-format
/// json"), else the last line that is not blank; "" when there is none.
std::string last_error(std::string_view text);
/// The message of the last record of level error only.
std::string last_error_record(std::string_view text);

}  // namespace drover::runtimes
