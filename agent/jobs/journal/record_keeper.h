// RecordKeeper: keeps a sealed record of each container, and one of the node, beside the journal.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "agent/jobs/journal/journal.h"
#include "runtimes/layout.h"

namespace drover::jobs {

/// Follows the journal: what is told here is committed. It writes on a thread of its own, so that
/// the loop waits for no second fsync, half a second after a change, with those that have come
/// since; between a change and its record a journal may be lost, which costs that change only.
/// Loop's thread.
class RecordKeeper {
 public:
  /// Both must outlive it.
  RecordKeeper(Journal& journal, runtimes::Layout layout);
  /// Writes what is left.
  ~RecordKeeper();
  RecordKeeper(const RecordKeeper&) = delete;
  RecordKeeper& operator=(const RecordKeeper&) = delete;

  /// Brings all records to what the journal says, deletes those it knows nothing of, and writes in
  /// which boot of the machine that was.
  Result<> start(const std::string& boot_id);
  /// These containers were changed, made or deleted.
  void changed(const std::set<std::string>& names);
  /// Of an event that is committed: writes what has changed of the node itself.
  void hear(const Event& event);

 private:
  using Text = std::optional<std::string>;  // none: the file goes

  void note_node();
  void post(const system::Path& file, Text text);
  void work();
  static Result<> write(const system::Path& file, const Text& text);

  Journal& journal_;
  runtimes::Layout layout_;
  std::map<std::string, std::size_t> known_;  // hashes of what was posted last

  std::mutex mutex_;
  std::condition_variable woken_;
  std::map<system::Path, Text> due_;  // guarded by mutex_
  bool closing_ = false;              // guarded by mutex_
  std::thread thread_;
};

}  // namespace drover::jobs
