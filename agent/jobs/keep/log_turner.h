// LogTurner: looks whether the logs of containers that run are full.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "agent/jobs/container_record.h"
#include "agent/jobs/journal/books.h"
#include "agent/jobs/node.h"
#include "agent/system/loop.h"

namespace drover::jobs {

/// Belongs to the loop's thread. Each second it asks the runtime of each container that runs to
/// have its log go on in another file when one is full; while nothing runs it rests.
class LogTurner {
 public:
  /// All must outlive it.
  LogTurner(system::Loop& loop, Books& books, const Node& node)
      : loop_(loop), books_(books), node_(node) {}
  ~LogTurner();
  LogTurner(const LogTurner&) = delete;
  LogTurner& operator=(const LogTurner&) = delete;

  /// Begins with all that run by the journal.
  Result<> take_up();
  /// Every event, once it is committed.
  void hear(const Event& event);

 private:
  struct Watched {
    std::unique_ptr<const ContainerRecord> record;
    runtimes::Runtime* runtime = nullptr;
    std::string fault{};  ///< told already
  };

  void watch(const ContainerRow& row);
  Result<> try_to_watch(const ContainerRow& row);
  void look();

  system::Loop& loop_;
  Books& books_;
  const Node& node_;
  std::map<std::string, Watched> watched_;  // by container
  system::Loop::TimerId timer_ = 0;
};

}  // namespace drover::jobs
