// The programs that droverd starts.
#pragma once

#include <vector>

#include "agent/core/config.h"
#include "agent/doctor/finding.h"

namespace drover::doctor {

/// Whether it is a file that can be run.
bool is_program(const path& file);

/// A runtime that neither the default nor a rule of the configuration names may be missing.
std::vector<Finding> examine_programs(const Config& config);

}  // namespace drover::doctor
