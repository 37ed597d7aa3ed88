// Books: the journal as the loop and its workers share it.
//
// The loop's thread writes directly; workers hand it what to write and wait until it is on the
// disk. All that came in one turn of the loop is committed together, and only then are its events
// published and those who wait told.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <vector>

#include "agent/jobs/journal.h"
#include "agent/system/inbox.h"

namespace drover::jobs {

class Books {
 public:
  /// Gets the events of each commit, in order, on the loop's thread.
  using Publish = std::function<void(const std::vector<Event>&)>;

  Books(Journal& journal, Publish publish) : journal_(journal), publish_(std::move(publish)) {}

  /// Loop's thread only, as everything but `write`.
  Journal& journal() { return journal_; }
  /// Numbers the event; it is published once it is committed.
  Result<> tell(Event event);
  /// Called after this turn's commit with how it went.
  void after_commit(std::function<void(const Result<>&)> done) {
    waiting_.push_back(std::move(done));
  }
  /// Does what workers handed over. Call it when `fd` is readable.
  void serve();
  int fd() const { return inbox_.fd(); }
  /// Call it at the end of each turn.
  void commit();

  /// Any other thread: runs `change` on the loop's thread and returns when it is committed, or why
  /// not. A change that fails leaves what it had written before its failure.
  Result<> write(std::function<Result<>(Books&)> change);

  /// The loop serves no more: whoever waits in `write`, or comes to it later, gets `cancelled`.
  void close();

 private:
  struct Request {
    std::function<Result<>(Books&)> change;
    std::promise<Result<>> done;
  };

  void refuse_waiting();

  Journal& journal_;
  Publish publish_;
  std::vector<Event> told_;  // since the last commit
  std::vector<std::function<void(const Result<>&)>> waiting_;
  std::atomic<bool> closed_ = false;
  system::Inbox<std::shared_ptr<Request>> inbox_;
};

}  // namespace drover::jobs
