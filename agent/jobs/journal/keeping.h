// Keeping: what the journal remembers of keeping a container running (ContainerRow::restarts).
#pragma once

#include <cstdint>
#include <string>

#include "agent/jobs/journal/journal.h"
#include "agent/jobs/keep/restart_rule.h"

namespace drover::jobs {

/// What the probes say of a container.
enum class Health {
  none,      ///< it is not probed, or does not run
  starting,  ///< not every probe has succeeded since it was started
  healthy,
  unhealthy,  ///< and is being ended for it, or was
};
std::string_view to_string(Health health);

/// Times are unix ms. A member with its default is not written.
struct Keeping {
  std::int64_t restarts = 0;    ///< by its policy, ever
  std::int64_t in_row = 0;      ///< of these since it was last well (kWell) or started by a job
  std::int64_t started_at = 0;  ///< 0 while it does not run
  std::int64_t well_since = 0;  ///< 0 while it does not run, or is probed and not healthy
  std::int64_t ends_by = 0;     ///< an end until then is the wish of who sent a signal; 0 for none
  std::int64_t next_at = 0;     ///< when it is started again; 0 when that is not pending
  std::string job{};            ///< that starts it again
  std::string held{};           ///< why it is not started again though it is time
  bool gave_up = false;         ///< its policy's attempts are used up
  bool with_node = false;       ///< it ended with the node
  bool claim_lost = false;      ///< it is, or was, ended because its claim was lost
  Health health = Health::none;
  bool operator==(const Keeping&) const = default;

  /// Its program was started, by its policy or otherwise.
  void begin(std::int64_t at, bool by_policy, bool probed);
  /// Its program has ended.
  void end(std::int64_t at);
  /// It runs: ends the row when it has been well for long enough.
  void recover(std::int64_t now);
};

/// `broken` when the journal holds what is none.
Result<Keeping> keeping_of(const ContainerRow& row);
void set_keeping(ContainerRow& row, const Keeping& keeping);

/// Remembers, for note_status, that a signal is sent to end the container's program: it is wanted
/// stopped if that ends by `ends_by` (unix ms). 0 takes it back. Loop's thread.
Result<> expect_end(Journal& journal, const std::string& name, std::int64_t ends_by);
/// Of one that has ended: writes into the row whether that was somebody's wish.
Result<> take_for_wish(ContainerRow& row, std::int64_t ended_at);

/// How the program of one that is stopped has ended.
ProgramEnd end_of(const ContainerRow& row, const Keeping& keeping);

/// For whoever finds after the node's reboot that a container has ended with it: write this before
/// its status, so that its policy knows. Loop's thread.
Result<> mark_ended_with_node(Journal& journal, const std::string& name);

}  // namespace drover::jobs
