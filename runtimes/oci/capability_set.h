// The capabilities of a container's programs (capabilities(7)).
#pragma once

#include <string>
#include <vector>

#include "agent/core/security_spec.h"
#include "runtimes/oci/spec.h"

namespace drover::runtimes {

/// All that its programs may ever have: Podman's default, with what the job adds and without what
/// it drops.
std::vector<std::string> bounding_capabilities(const SecuritySpec& security);

/// Gives `user` those of `bounding`. One who is not root gets them as bounding set only, but for
/// what the job adds by `security`, which is held as by root: a job that says so means its program,
/// and with no_new_privileges nothing else could give it.
void set_capabilities(Spec& spec, const ImageUser& user, const std::vector<std::string>& bounding,
                      const SecuritySpec& security);

}  // namespace drover::runtimes
