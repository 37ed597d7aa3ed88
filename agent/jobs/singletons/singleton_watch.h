// SingletonWatch: ends containers whose claims are lost, and gives back those of what has ended.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "agent/jobs/intake.h"
#include "agent/jobs/journal/books.h"
#include "agent/jobs/singletons/singletons.h"
#include "agent/system/clock.h"
#include "agent/system/loop.h"

namespace drover::jobs {

/// Belongs to the loop's thread. What it does comes twice a second and is for order: that a
/// container has ended when its claim has is the guard's doing (claim_guard.h).
class SingletonWatch {
 public:
  /// All must outlive it.
  SingletonWatch(system::Loop& loop, Books& books, Intake& intake, system::Clock& clock,
                 Singletons& singletons)
      : loop_(loop), books_(books), intake_(intake), clock_(clock), singletons_(singletons) {}
  ~SingletonWatch();
  SingletonWatch(const SingletonWatch&) = delete;
  SingletonWatch& operator=(const SingletonWatch&) = delete;

  void start();
  /// Looks at all that are held, now.
  void look();

 private:
  Result<> look_at(const std::string& name, const Singletons::Held& held);
  Result<> end(ContainerRow row, const Singletons::Held& held);

  system::Loop& loop_;
  Books& books_;
  Intake& intake_;
  system::Clock& clock_;
  Singletons& singletons_;
  system::Loop::TimerId next_ = 0;
  std::map<std::string, std::int64_t> ended_;  // the last attempt that was, by container
};

}  // namespace drover::jobs
