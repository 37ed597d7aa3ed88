// ProcessSettings: what a program that is run inside a container of LXC has of the container's own
// configuration. liblxc gives it to the container's first process only.
#pragma once

#include <sys/resource.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtimes/oci/spec.h"

namespace drover::runtimes {

struct ProcessSettings {
  std::vector<std::pair<int, rlimit>> limits;  ///< by getrlimit(2)'s number of the resource
  std::string oom_score_adj;                   ///< "" to leave it as whoever runs it has it
};

/// By "process" of the OCI configuration.
ProcessSettings process_settings_of(const Spec& spec);

/// Gives them to the calling process. Async-signal-safe. False, with errno, when the kernel does
/// not give one.
bool take_settings(const ProcessSettings& settings);

}  // namespace drover::runtimes
