#include "messaging/dispatch/daemon/own_event.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "agent/core/rfc3339.h"

namespace drover::dispatch {

void publish_own(Post& post, std::string_view dispatcher, std::int64_t unix_ms, OwnEvent event) {
  post.publish(fmt::format("{}.{}.{}.", dispatcher, event.kind, event.object),
               json::write(json::Object{
                   {"specversion", "1.0"},
                   {"id", fmt::format("{}-{}-{}", event.object, event.what, unix_ms)},
                   {"source", fmt::format("/drover-dispatch/{}", dispatcher)},
                   {"type", fmt::format("drover.dispatch.{}_{}", event.kind, event.what)},
                   {"subject", event.object},
                   {"time", to_rfc3339(unix_ms)},
                   {"datacontenttype", "application/json"},
                   {"at", unix_ms},
                   {"data", std::move(event.data)},
               }));
}

}  // namespace drover::dispatch
