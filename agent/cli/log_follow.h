// Following a container's log over its restarts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/cli/log_copy.h"
#include "messaging/client/client.h"
#include "messaging/client/subscription.h"

namespace drover::cli {

/// Whether the container has stopped for good: one that its restart policy is going to start again
/// has stopped for a moment only. `container` is as the node tells it.
bool has_stopped_for_good(const json::Value& container);

/// Waits until something has happened to the container.
Result<> await_change(messaging::Client& client, messaging::Subscription& events,
                      const std::string& name, const system::Stop& stop);

/// Where in a log to begin.
struct LogStart {
  std::optional<std::uint64_t> tail{};          ///< with the last so many lines
  std::optional<std::int64_t> since_unix_ms{};  ///< with what was printed then or later
};

/// Copies what the container prints from `start` on until it has ended for good. `offset` is
/// what it has come to, also when it fails. `events` must have begun before. `not_found` when the
/// container is deleted meanwhile.
Result<> follow_log(messaging::Client& client, messaging::Subscription& events,
                    const std::string& name, const system::Stop& stop, bool times,
                    std::uint64_t& offset, const LogStart& start = {});

}  // namespace drover::cli
