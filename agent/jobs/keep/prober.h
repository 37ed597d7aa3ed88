// Prober: asks the probes of all containers that run, and says which are healthy.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/jobs/container_record.h"
#include "agent/jobs/intake.h"
#include "agent/jobs/journal/books.h"
#include "agent/jobs/keep/askers.h"
#include "agent/jobs/node.h"
#include "agent/system/clock.h"
#include "agent/system/loop.h"

namespace drover::jobs {

/// Belongs to the loop's thread. Each probe is asked for the first time one interval after its
/// container was started, resumed, or found running by a new agent. A container is healthy once all
/// its probes have succeeded, and unhealthy when one has failed as often in a row as its spec says:
/// it is then asked no more, and ended by a job of the agent's own, which the restart policy takes
/// for a failure (keeper.h).
class Prober {
 public:
  /// All must outlive it.
  Prober(system::Loop& loop, Books& books, Intake& intake, system::Clock& clock, const Node& node);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// Begins with all that run by the journal. Call it once, behind Intake::resume.
  Result<> take_up();
  /// Every event, once it is committed.
  void hear(const Event& event);
  /// [{"name", "ok", "failures", "message", "at"}] of one that runs, or did; `ok` is null before
  /// the first answer and while the node cannot ask.
  json::Array view(const std::string& name) const;

 private:
  struct Probe {
    ProbeSpec spec{};
    system::Loop::TimerId due = 0;  // 0: it is asked now, or not at all
    Askers::Ticket asked = 0;       // 0: it is not asked now
    bool succeeded = false;         // since the container was started
    std::int64_t failures = 0;      // in a row
    Finding last{};
    std::int64_t last_at = 0;  // unix ms; 0: never asked
  };
  struct Probed {
    std::shared_ptr<const ContainerRecord> record;
    runtimes::Runtime* runtime = nullptr;
    std::int64_t started_at = 0;  // unix ms
    std::vector<Probe> probes{};
  };

  /// Whether the job freezes its container's program, as while its root is copied; also a backup
  /// that has not told yet whether it does.
  bool holds_still(const JobRow& job) const;
  /// Whether such a job runs: its program answers nobody then, and has not failed for it.
  bool is_held_still(const std::string& name) const;
  void begin(const ContainerRow& row, std::int64_t now);
  /// If it runs by the journal.
  void begin(const std::string& name, std::int64_t now);
  Result<> try_to_begin(const ContainerRow& row, std::int64_t now);
  void rest(const std::string& name);
  void rest(Probed& probed);
  void schedule(const std::string& name, std::size_t number, system::Duration delay);
  void ask(const std::string& name, std::size_t number);
  void take(const std::string& name, std::size_t number, const Finding& finding);
  Result<> judge(const std::string& name, Probed& probed, Probe& probe);
  Result<> become_healthy(const std::string& name);
  Result<> become_unhealthy(const std::string& name, const Probe& probe);

  system::Loop& loop_;
  Books& books_;
  Intake& intake_;
  system::Clock& clock_;
  const Node& node_;
  Askers askers_;
  std::map<std::string, Probed> probed_;             // by container
  std::map<std::string, std::string> stopping_;      // containers by the jobs that end them
  std::map<std::string, std::string> backup_modes_;  // what backups told they do, by job
};

}  // namespace drover::jobs
