// The root of a container that is changed for another one, and what the journal says of it.
//
// What was written to a root lies in a folder that is that root's alone (Layout::root_layers), so
// that changing it is one write to the journal between two mounts: whatever comes in between, the
// record says which root the container has, and both are whole.
#pragma once

#include <functional>
#include <string>

#include "agent/jobs/container_record.h"
#include "agent/jobs/node.h"
#include "agent/jobs/target.h"

namespace drover::jobs {

/// Loop's thread. `not_found` when it was deleted meanwhile.
Result<> change_record(Journal& journal, const std::string& container,
                       const std::function<void(ContainerRecord&)>& change);

/// Unmounts the root of one that its runtime does not have, writes that it has `to` now, with
/// `from` aside, and mounts that. Done twice it is the same.
Result<> change_root(Work& work, const Node& node, const Target& target, const Root& to,
                     const Root& from);
/// Writes that the root which is aside is the former one from now on, and tells
/// "upgraded"; once.
Result<> keep_changed_root(Work& work, const Target& target);
/// Writes that it has `from` again and none aside; tells "reverted" where `is_changed`.
Result<> put_root_back(Work& work, const Target& target, const Root& from, bool is_changed);
/// Writes that none is aside.
Result<> forget_aside(Work& work, const Target& target);

/// The folder below its root's overlay. One that a job has named is held against what the node
/// allows each time that it is mounted, and mounted as it was opened: whoever may write above it
/// can put a link in its place meanwhile.
Result<system::UniqueFd> open_lower(const Node& node, const ContainerRecord& record);

/// Mounts its root as the record has it. Mounted already is success.
Result<> mount_root_of(const Node& node, const ContainerRecord& record);
/// Unmounts it, also where users of the container's own are shown it (user_view.h), so that another
/// can be mounted in its place. Absent is success.
Result<> leave_root_of(const Node& node, const ContainerRecord& record, const system::Stop& stop);

}  // namespace drover::jobs
