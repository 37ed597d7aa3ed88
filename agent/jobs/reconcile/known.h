// Known: what this node's journal answers for. Whatever was found on the node and is not known here
// is leaked; this is the one place that decides it, so new kinds of rows are added here.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "agent/jobs/journal/journal.h"
#include "agent/jobs/reconcile/inventory.h"

namespace drover::jobs {

class Known {
 public:
  /// What the journal's rows tell now: containers in whatever status, volumes that stand, jobs that
  /// have not ended and those that have since `since_unix_ms`, because what they made may have been
  /// seen before they took it back. Loop's thread.
  static Result<Known> read(Journal& journal, const Node& node, std::int64_t since_unix_ms);

  /// Also all that the other knows.
  void add(const Known& other);
  /// The container of this name is somebody else's, and what is called after it may be too.
  void add_stranger(const std::string& container) { names_.insert(container); }

  /// A thing with a stamp by its job, any other by the name of its container. Loop's thread.
  Result<bool> has(Journal& journal, const Thing& thing) const;

 private:
  Result<> add_standing(Journal& journal, const Node& node);
  Result<> add_images(Journal& journal, const Node& node);
  /// Volumes that an unfinished job, or one that has just ended, may have made at Proxmox.
  Result<> add_volumes_of(const Node& node, const JobRow& job);
  Result<> add_volumes(const Node& node, const std::string& container, const std::string& job,
                       const std::vector<VolumeSpec>& volumes);

  std::set<std::string> names_;    // of containers
  std::set<std::string> jobs_;     // ids
  std::set<std::string> volumes_;  // on Proxmox: ids, and names without their storage
  std::set<std::string> images_;   // digests that a name stands for, or a container has
  std::set<std::pair<std::string, std::string>> addresses_;  // of containers: bridge, address
};

}  // namespace drover::jobs
