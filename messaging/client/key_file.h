// The file of a client's own key, {"public":KEY,"secret":KEY}, as `drover keys new` makes it.
#pragma once

#include "agent/core/curve_key.h"
#include "agent/system/file.h"

namespace drover::messaging {

/// `refused` unless it is a regular file of whoever runs this, with mode 0400 or 0600: a secret
/// that others may have read is none. `invalid` when its two keys do not belong together.
Result<KeyPair> read_key_file(const system::Path& path);

}  // namespace drover::messaging
