// Copying a log of the node's to standard output and error.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "agent/cli/command.h"
#include "messaging/client/stream.h"

namespace drover::cli {

struct LogCopyOptions {
  bool times = false;  ///< each line with its time in front
  /// Nothing that was printed later is copied.
  std::optional<std::int64_t> until_unix_ms{};
  /// Asked now and then while nothing comes; true when the log can grow no more, so that a lost end
  /// of the stream does not keep us for ever. May be empty.
  std::function<Result<bool>()> complete{};
};

/// Until the stream ends. A log that does not exist is an empty one.
Result<> copy_log(messaging::Client& client, messaging::Stream& stream, const system::Stop& stop,
                  const LogCopyOptions& options);

}  // namespace drover::cli
