// The dispatcher's own events: of nodes and of batches, as its subscribers get them.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/core/json.h"
#include "messaging/dispatch/daemon/post.h"

namespace drover::dispatch {

struct OwnEvent {
  std::string_view kind;    ///< "node" or "batch"
  std::string_view object;  ///< the node's name, the batch's id
  std::string_view what;    ///< "dead", "ended"; of kind "node" it is drover.dispatch.node_dead
  json::Value data{json::Object()};
};

/// Publishes it with the topic DISPATCHER.KIND.OBJECT. as a CloudEvent without counters: nothing of
/// it is kept, so nobody could fetch what he missed.
void publish_own(Post& post, std::string_view dispatcher, std::int64_t unix_ms, OwnEvent event);

}  // namespace drover::dispatch
