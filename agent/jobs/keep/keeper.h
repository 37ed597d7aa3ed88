// Keeper: starts containers again as their restart policies say.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/core/container_spec.h"
#include "agent/jobs/intake.h"
#include "agent/jobs/journal/books.h"
#include "agent/jobs/journal/keeping.h"
#include "agent/system/clock.h"
#include "agent/system/loop.h"

namespace drover::jobs {

/// Belongs to the loop's thread. It knows only what the journal says: a container that is noted
/// stopped, by whomever, is wanted running and has a policy that applies, is put into `backoff` and
/// started by a job of the agent's own when its time has come. While a job that somebody wants is
/// about the container, nothing is decided; when the job has ended, it is looked at again.
class Keeper {
 public:
  /// All must outlive it.
  Keeper(system::Loop& loop, Books& books, Intake& intake, system::Clock& clock)
      : loop_(loop), books_(books), intake_(intake), clock_(clock) {}
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Takes up what the journal of an earlier agent says. Call it once, behind Intake::resume.
  Result<> take_up();
  /// Every event, once it is committed. What it leads to is done in the next turn.
  void hear(const Event& event);

 private:
  struct Kept {
    ContainerRow row;
    RestartPolicy policy;
    bool probed = false;
    Keeping keeping;
  };
  struct Heard {
    std::string name;
    std::string what;  ///< of a container's event; "" when it only has to be looked at
    std::string job;
    std::int64_t at;
  };

  void serve();
  /// None for a container that is not there.
  Result<std::optional<Kept>> read(const std::string& name);
  Result<> put(Kept& kept);
  void remember(const Heard& heard);
  Result<> write_down(const Heard& heard);
  void look_at(const std::string& name);
  Result<> consider(const std::string& name);
  Result<> consider_running(Kept& kept);
  Result<> consider_ended(Kept& kept);
  Result<> consider_pending(Kept& kept);
  Result<> start_failed(Kept& kept);
  Result<> back_off(Kept& kept, const std::string& message);
  Result<> give_up(Kept& kept);
  Result<> hold(Kept& kept);
  Result<> start(Kept& kept);
  void wake_at(const std::string& name, std::int64_t unix_ms);
  void wake_not(const std::string& name);

  system::Loop& loop_;
  Books& books_;
  Intake& intake_;
  system::Clock& clock_;
  std::mt19937_64 random_{std::random_device{}()};
  std::vector<Heard> heard_;
  system::Loop::TimerId serving_ = 0;                               // 0: nothing was heard
  std::unordered_map<std::string, system::Loop::TimerId> wakings_;  // by container
  std::set<std::string> busy_;  // containers that a job was about when they were looked at
};

}  // namespace drover::jobs
