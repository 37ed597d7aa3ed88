// The options --mount type=... and --tmpfs of `drover run`.
#pragma once

#include <string_view>

#include "agent/core/mount_spec.h"
#include "agent/core/result.h"

namespace drover::cli {

/// Whether a --mount is one of these, and not VOLUME:TARGET.
bool names_mount_type(std::string_view text);
/// "type=bind,source=PATH,target=PATH[,readonly]" or "type=tmpfs,target=PATH[,size=SIZE]
/// [,mode=MODE]". `invalid` names the option.
Result<MountSpec> read_typed_mount(std::string_view text);
/// "TARGET[,size=SIZE][,mode=MODE]".
Result<MountSpec> read_tmpfs(std::string_view text);

}  // namespace drover::cli
