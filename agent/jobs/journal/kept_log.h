// Kept logs: what a container printed and how it ended, for a while after it was deleted.
#pragma once

#include <optional>

#include "agent/jobs/container_record.h"
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"

namespace drover::jobs {

/// Moves the container's log out of its folder, which is about to go. One that was moved already,
/// or never written, is success; one that cannot be moved is lost with a warning, because a delete
/// shall not fail for it.
void keep_log(const Node& node, const ContainerRecord& record);

/// What queries will tell of the container that `row` was before it was deleted; none when the node
/// keeps nothing of deleted containers.
Result<std::optional<DeletedRow>> remember(const Node& node, const ContainerRow& row,
                                           std::int64_t now_unix_ms);

/// Has what lies among the kept logs kept for its time, from when it came there, after a journal
/// was lost: whose logs they were is not known. Returns how many they are. Loop's thread, once the
/// containers are known again.
Result<std::int64_t> rebuild_kept_logs(Journal& journal, const runtimes::Layout& layout,
                                       std::int64_t now_unix_ms);

/// The view that `remember` wrote. Its status is "gone".
Result<json::Value> view_of(const DeletedRow& row);

}  // namespace drover::jobs
