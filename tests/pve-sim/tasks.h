// Tasks: work that goes on after the answer, each in a process of its own that its UPID names.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "tests/pve-sim/faults.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

struct Upid {
  std::string node;
  int pid = 0;
  std::uint64_t pstart = 0;
  std::int64_t start_time = 0;  ///< seconds since 1970
  std::string type;
  std::string id;
  std::string user;  ///< with "!token"
};

std::optional<Upid> parse_upid(std::string_view text);
std::string to_text(const Upid& upid);

/// What a task process is given: its own words for what to do.
struct TaskRequest {
  std::string type;      ///< "vzcreate", "imgdel", ...
  std::string id;        ///< "100", "100@local"
  json::Object details;  ///< depends on `type`
  std::string fault{};   ///< how it goes wrong (faults.h); "" for well
};

/// Thread-safe: what it knows is on disk, below Place::tasks().
class Tasks {
 public:
  Tasks(const Place& place, Faults& faults) : place_(place), faults_(faults) {}

  /// Starts this program again as the task's process and returns the UPID, which names `user`.
  Result<std::string> start(const TaskRequest& request, const std::string& user);
  /// As GET .../status gives it; nothing when there is no such task.
  std::optional<json::Object> status(const std::string& upid) const;
  /// As a list gives it, while it runs and after that; nothing when there is no such task.
  std::optional<json::Object> row(const std::string& upid) const;
  /// Whether somebody who asks for the task now is told that there is none.
  bool is_late(const std::string& upid) const;
  /// The log's lines; nothing when there is no such task.
  std::optional<std::vector<std::string>> log(const std::string& upid) const;
  /// Newest first.
  std::vector<std::string> list() const;
  /// Asks the task to end; it undoes what it began.
  void abort(const std::string& upid) const;

 private:
  const Place& place_;
  Faults& faults_;
};

/// The log of the task that this process is.
class TaskLog {
 public:
  explicit TaskLog(path file) : file_(std::move(file)) {}
  void line(std::string_view text) const;

 private:
  path file_;
};

/// The task process: does the work named by the request file, keeps log and exit status, and
/// returns the process's exit code.
int run_task(const Place& place, const path& request_file);

}  // namespace drover::pve_sim
