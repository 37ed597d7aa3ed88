// What an event of a node (docs/events.md) changes in the ledger.
#pragma once

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "messaging/dispatch/ledger_messages.h"

namespace drover::dispatch {

/// Of one that is of neither a container's state nor a job's the number alone counts
/// (ThingKind::other). `sender` is who has passed it on; the epoch is the event's. `invalid` for
/// what is no event.
Result<ThingChange> read_event_change(const json::Value& event, Sender sender);

}  // namespace drover::dispatch
