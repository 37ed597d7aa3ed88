// Attachment: this command's input and output are a running container's, until it ends or is left.
#pragma once

#include <optional>
#include <string>

#include "agent/cli/command.h"
#include "agent/cli/detach_keys.h"
#include "messaging/client/subscription.h"

namespace drover::cli {

struct AttachOptions {
  std::string name;
  bool input = false;     ///< it reads ours
  bool terminal = false;  ///< it has one
  DetachKeys keys;
  bool from_now = false;  ///< what it printed before is not printed
  enum class OnInterrupt {
    pass_on,  ///< the container is sent the signal
    stop,     ///< it is stopped
    leave,    ///< it runs on
  };
  /// What the first Ctrl-C (or SIGTERM) does; the next one leaves it. SIGHUP always does.
  OnInterrupt on_interrupt = OnInterrupt::leave;
};

/// Until the container's program has ended, and returns its exit code; none when the detach keys
/// were typed. `cancelled` when it was left otherwise, `broken` when its exit code cannot be known.
/// `events` must have begun before the container was seen running.
Result<std::optional<int>> attach(Session& session, messaging::Client& client,
                                  messaging::Subscription& events, const AttachOptions& options);

}  // namespace drover::cli
