// Which images this node lets a job fetch, and have below a container's root.
#pragma once

#include "agent/core/job.h"
#include "agent/jobs/node.h"

namespace drover::jobs {

/// Whether this node would do such a job about an image at all, without side effects, so that one
/// that is never allowed here is refused before it is accepted. `refused` and `invalid` say why
/// not.
Result<> admit_image(const Node& node, const JobRequest& request);

/// The same of the image that a container is to get below its root (container.upgrade).
Result<> admit_root_image(const Node& node, const JobRequest& request);

/// The same of what a new container's root is made of, but for what policy and runtime say of it.
Result<> admit_root_of(const Node& node, const ContainerSpec& spec,
                       const runtimes::Runtime& runtime);

}  // namespace drover::jobs
