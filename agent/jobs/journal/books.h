// Books: the journal as the loop and its workers share it.
//
// The loop's thread writes directly; workers hand it what to write and wait until it outlives what
// they ask it to. All that came in one turn of the loop is committed together. Events are
// published, and those who wait told, when that is on the disk. While the disk takes nothing, the
// workers wait with what they have done: it is written when there is space again.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/jobs/journal/journal.h"
#include "agent/system/inbox.h"

namespace drover::jobs {

/// What a change has to outlive once its writer goes on. What ends with the machine, as mounts and
/// processes do, needs no record that does not.
enum class Outlives { agent, machine };

class Books {
 public:
  /// Gets the events of each commit, in order, on the loop's thread.
  using Publish = std::function<void(const std::vector<Event>&)>;

  Books(Journal& journal, Publish publish) : journal_(journal), publish_(std::move(publish)) {}

  /// Gets the names of containers that a commit has changed, made or erased.
  void on_containers(std::function<void(const std::set<std::string>&)> changed) {
    containers_changed_ = std::move(changed);
  }

  /// Called when something was committed that is not on the disk: `settle` is to be called soon.
  /// Without it each turn ends with that.
  void on_unsettled(std::function<void()> unsettled) { unsettled_ = std::move(unsettled); }

  /// Loop's thread only, as everything but `write`.
  Journal& journal() { return journal_; }
  /// Numbers the event; it is published once it is committed. One of a container that is in the
  /// journal gets its labels.
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
  /// Has on the disk what outlives only the agent, and publishes its events. To be called before
  /// anybody is told what stands in the journal.
  void settle();
  /// Does once more what could not be committed, in order.
  void try_again();
  /// Changes that wait for a disk that takes them, and why it does not.
  std::size_t stalled() const { return stalled_.size(); }
  const std::string& why_stalled() const { return why_stalled_; }

  /// Any other thread: runs `change` on the loop's thread and returns when what it has written
  /// outlives what it has to, or why not. A change that fails leaves what it had written before its
  /// failure. One that cannot be committed as `unavailable` is run again later and must bear that.
  Result<> write(std::function<Result<>(Books&)> change, Outlives outlives = Outlives::machine);

  /// The loop serves no more: whoever waits in `write`, or comes to it later, gets `cancelled`.
  /// Loop's thread.
  void close();

 private:
  struct Request {
    std::function<Result<>(Books&)> change;
    Outlives outlives = Outlives::machine;
    std::promise<Result<>> done;
  };

  using RequestPtr = std::shared_ptr<Request>;

  void perform(const RequestPtr& request);
  void commit_for_agent();
  void tell_touched();
  /// Those of the last commit.
  void wake_writers(const Result<>& committed);
  void refuse_waiting();

  Journal& journal_;
  Publish publish_;
  std::function<void(const std::set<std::string>&)> containers_changed_;
  std::function<void()> unsettled_;
  std::vector<Event> told_;       // since the last commit
  std::vector<Event> committed_;  // and not on the disk yet
  bool for_machine_ = false;      // something of this turn has to outlive that
  std::vector<std::function<void(const Result<>&)>> waiting_;
  std::vector<std::pair<RequestPtr, Result<>>> writers_;  ///< and what their changes came to
  std::vector<RequestPtr> stalled_;
  std::string why_stalled_;
  std::atomic<bool> closed_ = false;
  system::Inbox<RequestPtr> inbox_;
};

}  // namespace drover::jobs
