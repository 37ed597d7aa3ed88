// Target: the container a job is about, as the journal and its runtime know it.
#pragma once

#include "agent/jobs/container_record.h"
#include "agent/jobs/node.h"
#include "agent/jobs/work.h"

namespace drover::jobs {

struct Target {
  ContainerRow row;
  ContainerRecord record;
  runtimes::Runtime* runtime;

  const runtimes::Container& container() const { return record.container; }
};

/// `not_found` when there is no such container on this node.
Result<Target> find_target(Work& work, const Node& node);

/// Writes what the container shall be from now on; running only when it may have its standing
/// volumes now (standing_volumes.h).
Result<> want(Work& work, const Target& target, Wanted wanted);

/// Notes the container's status as the job's doing.
Result<> note(Work& work, const Target& target, Status status,
              const std::optional<Exit>& exit = std::nullopt);

}  // namespace drover::jobs
