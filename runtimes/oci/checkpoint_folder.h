// CheckpointFolder: where runc and CRIU keep what they write of a container's processes.
//
//   containers/NAME/checkpoint/         one that is whole; 0700, as its folders are
//     checkpoint.json                   CheckpointFacts
//     images/                           CRIU's images, which hold the memory of the processes
//     work/                             CRIU's logs, and what runc said
//     lock                              locked as long as runc, or CRIU, works on it
//   containers/NAME/checkpoint.begun/   the same while it is made
//   containers/NAME/bundle/checkpoint.json   the same facts: the run that it is a checkpoint of
//
// A run that ended by a checkpoint is told from any other by the facts in its bundle being those of
// a checkpoint that is whole. So there is no moment at which an agent may end and the next one
// takes the end for another one's SIGKILL.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "agent/system/unique_fd.h"
#include "runtimes/checkpoints.h"
#include "runtimes/layout.h"

namespace drover::runtimes {

struct CheckpointFacts {
  std::string job{};            ///< that asked for it
  std::int64_t at_unix_ms = 0;  ///< when it was begun
  CheckpointWish wish{};        ///< a restore does the same
  bool input_ended = false;     ///< the program's standard input was at its end
  bool operator==(const CheckpointFacts& other) const {
    return job == other.job && at_unix_ms == other.at_unix_ms;
  }
};

/// Of one container; keeps nothing but its paths.
class CheckpointFolder {
 public:
  CheckpointFolder(const Layout& layout, const ContainerName& name);

  system::Path images() const { return whole_ / "images"; }
  system::Path images_begun() const { return begun_ / "images"; }
  system::Path work_begun() const { return begun_ / "work"; }

  /// Makes the folder of a new one, and notes it in the bundle.
  Result<> begin(const CheckpointFacts& facts) const;
  /// A descriptor that holds the lock of the one that is begun, for who works on it.
  Result<system::UniqueFd> lock() const;
  /// Waits until nobody works on the one that is begun. An agent's end does not end it.
  Result<> wait_until_unlocked(const system::Stop& stop, std::chrono::milliseconds timeout) const;
  /// The one that is begun, if all of it was written.
  std::optional<CheckpointFacts> begun_and_whole() const;
  /// Puts it in the place of the one before.
  Result<> keep() const;
  /// Takes away the one that is begun, with its note.
  Result<> discard_begun() const;

  /// `not_found` when there is none.
  Result<CheckpointFacts> kept() const;
  /// As much as is known of it for people.
  std::optional<Checkpoint> whole() const;
  Result<> forget() const;

  /// What the run in the bundle ended by; none when that was no checkpoint.
  std::optional<CheckpointFacts> ended_run() const;
  /// Whether the run in the bundle is, or was to be, the last before a checkpoint.
  bool is_noted() const;
  /// Notes once more that the run in the bundle, which is a new one, ended by this checkpoint.
  Result<> note(const CheckpointFacts& facts) const;

 private:
  system::Path note_file() const { return bundle_ / "checkpoint.json"; }

  system::Path bundle_;
  system::Path whole_;
  system::Path begun_;
};

/// CRIU's own last words on what went wrong, of its log: at most three, and "" when there are none.
std::string last_criu_errors(std::string_view log);

}  // namespace drover::runtimes
