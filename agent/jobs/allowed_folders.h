// Which folders of the node a job may name what it makes things from in.
#pragma once

#include "agent/core/config.h"
#include "agent/core/result.h"
#include "agent/system/unique_fd.h"

namespace drover::jobs {

/// Of ContainerConfig::image_folders the one that `wanted` lies below, by its name; "/" when there
/// are none, which is anywhere. `refused` when it lies below none of them.
Result<path> allowed_folder(const Config& config, const path& wanted);

/// Opens it, as it is now, by openat2(2): between a look at it and its use nobody can put a link in
/// its place. Links on the way are followed as long as they stay below the allowed folder, which
/// one to an absolute path does not; with none allowed, wherever they lead. `refused` as above and
/// for a link that leads out; `not_found`.
Result<system::UniqueFd> open_allowed(const Config& config, const path& wanted, int flags);

}  // namespace drover::jobs
