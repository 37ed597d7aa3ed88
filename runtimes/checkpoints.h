// Checkpoints: a container's processes written to the disk, and brought back from there, where its
// runtime can.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/core/json.h"
#include "agent/system/stop.h"
#include "runtimes/container.h"

namespace drover::runtimes {

struct CheckpointWish {
  bool leave_running = false;    ///< else its processes end with it
  bool tcp_established = false;  ///< connections that are open are written, too
  bool file_locks = false;       ///< locks on files that it holds are written, too
};

/// One that is whole.
struct Checkpoint {
  std::int64_t at_unix_ms = 0;
  std::uint64_t bytes = 0;
  bool left_running = false;
};

json::Object to_json(const Checkpoint& checkpoint);

/// The same rules as for Runtime's verbs hold. A container has at most one: a new one takes the
/// place of the old once it is whole.
class Checkpoints {
 public:
  virtual ~Checkpoints() = default;

  /// `refused` with what of the node or of the container is in the way. Quick; without side
  /// effects, and the container need not have been made.
  virtual Result<> check_checkpoints(const Container& container) const = 0;
  /// Legal from running; one whose checkpoint fails runs on as before. On `stop` it goes on by
  /// itself, and `made_by` and `give_up` wait for it.
  virtual Result<Checkpoint> checkpoint(const Container& container, const CheckpointWish& wish,
                                        const JobId& job, const system::Stop& stop) = 0;
  /// What an earlier run of `job` has made, if that is whole; its program has ended then, unless it
  /// was to be left running.
  virtual Result<std::optional<Checkpoint>> made_by(const Container& container, const JobId& job,
                                                    const system::Stop& stop) = 0;
  /// Takes away what a checkpoint that did not become whole has left. The container runs on if it
  /// does. Nothing there is success.
  virtual Result<> give_up(const Container& container, const system::Stop& stop) = 0;
  /// Its processes go on where the checkpoint was made. Legal from stopped. `not_found` without a
  /// checkpoint, which is kept whatever comes of it.
  virtual Result<> restore(const Container& container, const system::Stop& stop) = 0;
  /// Whether a restore that an earlier agent had begun has come to its end, which is awaited and
  /// taken over; it may have ended again since.
  virtual Result<bool> has_restored(const Container& container, const system::Stop& stop) = 0;
  /// Takes away what a restore that was cut off has left: it is stopped as before. Nothing there is
  /// success.
  virtual Result<> give_up_restore(const Container& container, const system::Stop& stop) = 0;
  /// Absent is success.
  virtual Result<> forget(const Container& container) = 0;
};

}  // namespace drover::runtimes
