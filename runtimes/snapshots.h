// Snapshots: states of a container that it can be put back to, where its runtime keeps some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/resources.h"
#include "agent/system/stop.h"
#include "runtimes/container.h"

namespace drover::runtimes {

struct Snapshot {
  std::string name;
  std::string parent;         ///< what the container had come from when it was taken; or ""
  std::int64_t taken_at = 0;  ///< milliseconds since 1970
  bool newest = false;        ///< the container as it is now comes from this one
  bool operator==(const Snapshot&) const = default;
};

json::Value to_json(const std::vector<Snapshot>& snapshots);
std::vector<Snapshot> snapshots_from_json(const json::Value& value);

/// The same rules as for Runtime's verbs hold.
class Snapshots {
 public:
  virtual ~Snapshots() = default;

  /// Of its root as it is now, and of a guest its volumes and limits, stamped with `job`; the
  /// program is held meanwhile. One that this very job has taken is success, another of that name
  /// `conflict`, and so is a guest that is paused, which would run on. `refused` where its storage
  /// has none.
  virtual Result<> take_snapshot(const Container& container, const std::string& name,
                                 const JobId& job, const system::Stop& stop) = 0;
  /// Whether `job` has taken that snapshot, wholly or in part.
  virtual Result<bool> has_taken(const Container& container, const std::string& name,
                                 const JobId& job, const system::Stop& stop) = 0;
  /// Ends the program at once, as its state is lost anyway, and does not start it again. Returns
  /// how it ended; none of one that did not run. Twice is the same as once. On `stop` it goes on by
  /// itself, and `settle` waits for it.
  virtual Result<std::optional<Exit>> roll_back(const Container& container, const std::string& name,
                                                const system::Stop& stop) = 0;
  /// Absent is success. On `stop` it goes on as well.
  virtual Result<> remove_snapshot(const Container& container, const std::string& name,
                                   const system::Stop& stop) = 0;
  /// The container's limits, which a rollback of a guest makes those of then.
  virtual Result<Resources> limits(const Container& container, const system::Stop& stop) = 0;
  /// Those that are whole, oldest first.
  virtual Result<std::vector<Snapshot>> list_snapshots(const Container& container,
                                                       const system::Stop& stop) = 0;
};

}  // namespace drover::runtimes
