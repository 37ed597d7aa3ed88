// KeyReach: whether what a key asks for is about things that it may touch.
//
// A key of the allow list may be bound to names and labels (AllowedKey::names, ::labels). Roles are
// looked at before, and whoever comes over the node's own sockets has no key.
#pragma once

#include "agent/core/allow_list.h"
#include "agent/core/job.h"
#include "agent/core/json.h"
#include "agent/jobs/journal/journal.h"

namespace drover::jobs {

/// `refused`, naming the key and the thing. Of a container that is there its labels count, of one
/// that the job makes those of its spec. The names are those of containers, volumes and networks:
/// of the target, of standing volumes in the spec, and of the container that another is to be a
/// copy of; to cancel a job is to touch what that is about. Images, and the node itself, have no
/// such names: what may be done to them is the role's.
Result<> check_reach(const AllowedKey& key, Journal& journal, const JobRequest& request);

/// The same of a request about a program or a log: {"of":"container...","name"} or
/// {"of":"job...","id"}. One that names neither is nobody's, and answered elsewhere.
Result<> check_reach(const AllowedKey& key, Journal& journal, const json::Value& question);

}  // namespace drover::jobs
