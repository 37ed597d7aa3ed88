// Whether the node can fetch images of registries and archives.
#pragma once

#include <vector>

#include "agent/core/config.h"
#include "agent/doctor/finding.h"

namespace drover::doctor {

/// About "images": skopeo, without which there are those of layouts only, the signature policy, and
/// the file of logins where one is configured.
std::vector<Finding> examine_images(const Config& config);

}  // namespace drover::doctor
