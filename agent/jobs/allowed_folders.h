// Which folders of the node a job may name what it makes things from in.
#pragma once

#include "agent/core/config.h"
#include "agent/core/result.h"

namespace drover::jobs {

/// Of ContainerConfig::image_folders the one that `wanted` lies below, by its name; "/" when there
/// are none, which is anywhere. `refused` when it lies below none of them.
Result<path> allowed_folder(const Config& config, const path& wanted);

}  // namespace drover::jobs
