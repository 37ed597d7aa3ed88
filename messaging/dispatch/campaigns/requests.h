// What clients ask of batches and drains, by its kind: dispatch.batch*, dispatch.drain.
#pragma once

#include <string_view>

#include "agent/core/json.h"
#include "messaging/dispatch/campaigns/campaigns.h"
#include "messaging/dispatch/campaigns/drains.h"

namespace drover::dispatch {

/// False for a kind that is none of these; else `answer` is called, now or when the request is
/// done. Whether the client's role suffices was checked before.
bool take_request(Campaigns& campaigns, Drains& drains, std::string_view kind,
                  const json::Value& body, const Orderer& orderer, const Campaigns::Answer& answer);

}  // namespace drover::dispatch
