// What `drover run --wait` does once the container runs.
#pragma once

#include <string>

#include "agent/cli/command.h"
#include "agent/core/container_status.h"
#include "messaging/client/subscription.h"

namespace drover::cli {

/// Prints the container's output until it has ended, and returns its exit code; `broken` when that
/// cannot be known. The first Ctrl-C stops the container, the second leaves it (`cancelled`).
/// `events` must have begun before the container was started.
Result<int> wait_for_container(Session& session, messaging::Client& client,
                               messaging::Subscription& events, const std::string& name);

/// Asks the node to stop it, as its spec says.
Result<> stop_container(Session& session, messaging::Client& client, const std::string& name);

/// The code that the container ended with, `broken` when that cannot be known; says on standard
/// error when its memory was used up.
Result<int> code_of(const std::string& name, const Exit& exit);

/// Deletes the container and waits until it is gone.
Result<> remove_container(Session& session, messaging::Client& client, const std::string& name);

}  // namespace drover::cli
