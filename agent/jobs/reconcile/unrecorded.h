// Unrecorded: what the node itself shows of a container whose record was lost with the journal.
#pragma once

#include "agent/jobs/journal/sealed_record.h"
#include "agent/jobs/node.h"

namespace drover::jobs {

/// A record by which it can be stopped and deleted, of a container that `runtime` has with the
/// stamp of `job`. Its mounts tell which image it stands on and which volumes it has, so that
/// nobody removes these under it. Its volumes are unmounted when it is deleted, and stay. Status
/// and exit are left to the caller. Loop's thread; the journal knows the volumes that outlive
/// containers.
Result<SealedRecord> unrecorded(Journal& journal, const Node& node, const ContainerName& name,
                                const JobId& job, RuntimeKind runtime, std::int64_t now_unix_ms);

}  // namespace drover::jobs
