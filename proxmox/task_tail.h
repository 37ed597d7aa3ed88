// TaskTail: the log of a task that is awaited, read on as it grows.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "proxmox/client.h"
#include "proxmox/task_watch.h"
#include "proxmox/upid.h"

namespace drover::proxmox {

/// Belongs to the thread that awaits the task, and tells its TaskWatch.
class TaskTail {
 public:
  /// The wait begins now.
  TaskTail(Client& client, const Upid& upid);

  /// How long after the begin of the wait the next look is due; a year where nobody wants to
  /// know. The first is after TaskWatch::every, so that what ends soon is not
  /// looked at, and each later than the one before by at least that and by a fiftieth of the time
  /// that has passed: of a task that takes two days there are fewer than 500.
  std::chrono::milliseconds due() const { return due_; }
  /// So long after the begin: reads what is new, no more than its end, in two requests at most. An
  /// API that does not answer is no failure: there is nothing to tell.
  void look(std::chrono::milliseconds passed, const Stop& stop);

 private:
  /// What the log has from there on; false for no answer.
  bool read(std::int64_t first, const Stop& stop);

  Client& client_;
  const Upid& upid_;
  const TaskWatch* watch_;
  std::chrono::milliseconds due_;
  std::int64_t next_ = 0;   // the first line that was not read
  std::int64_t total_ = 0;  // as the last answer says
  TaskProgress seen_;
  TaskProgress told_;
};

}  // namespace drover::proxmox
