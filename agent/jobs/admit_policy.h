// What a job may loosen of a container's isolation, and how much it may ask for: a spec held
// against the section "policy" of the configuration.
#pragma once

#include <string>

#include "agent/core/config.h"
#include "agent/core/container_spec.h"
#include "agent/core/result.h"

namespace drover::jobs {

/// `refused` naming the first member of the spec, and its value, that the node's policy does not
/// allow, and the member of the configuration that an admin may change. `spec` has the node's
/// defaults (admission.h). It goes by names alone and looks nowhere.
Result<> admit_policy(const Config& config, const ContainerSpec& spec, RuntimeKind kind);

/// The same of a runtime by itself.
Result<> admit_runtime(const PolicyConfig& policy, RuntimeKind kind);

/// The same of limits that a container gets in place of those it has, of which 0 stands for no
/// change.
Result<> admit_changed_limits(const PolicyConfig& policy, const Resources& wish);

/// The same of an image that a job fetches, or makes a container of.
Result<> admit_image_name(const PolicyConfig& policy, const std::string& image);

/// The same as admit_policy, and where the names lead now: a device must be one, and neither it nor
/// a profile may be reached by a link out of /dev or out of the profiles' folder. For the making of
/// a container, whose job may have been accepted under another policy. Bind mounts' sources are
/// looked at when they are mounted (bind_sources.h).
Result<> admit_as_it_is_now(const Config& config, const ContainerSpec& spec, RuntimeKind kind);

}  // namespace drover::jobs
