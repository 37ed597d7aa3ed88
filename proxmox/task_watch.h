// TaskWatch: whom the tasks of Proxmox that are awaited tell how far they are.
//
// What waits for a task lies far below what wants to know, behind a runtime that need not know of
// either; what they share is the thread that does the job.
#pragma once

#include <chrono>
#include <functional>

#include "proxmox/task_progress.h"

namespace drover::proxmox {

/// As long as it lives, for what its thread awaits; of several on a thread the last one. It must
/// end on the thread that made it.
class TaskWatch {
 public:
  using Tell = std::function<void(const TaskProgress&)>;
  static constexpr std::chrono::milliseconds kEvery{5000};

  /// `tell` is called on this thread, each `every` at most, and only when there is something new.
  explicit TaskWatch(Tell tell, std::chrono::milliseconds every = kEvery);
  TaskWatch(const TaskWatch&) = delete;
  TaskWatch& operator=(const TaskWatch&) = delete;
  ~TaskWatch();

  /// Of the calling thread; nullptr for none.
  static const TaskWatch* current();

  void tell(const TaskProgress& progress) const { tell_(progress); }
  std::chrono::milliseconds every() const { return every_; }

 private:
  Tell tell_;
  std::chrono::milliseconds every_;
  const TaskWatch* outer_;
};

}  // namespace drover::proxmox
