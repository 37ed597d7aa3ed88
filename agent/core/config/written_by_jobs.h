// Where the configuration lets containers write what it takes for its admin's own elsewhere.
#pragma once

#include <vector>

#include "agent/core/config/policy.h"

namespace drover {

/// The rule by which a container may write in `folder` or in something below it; nullptr where none
/// may. By names alone, as policy.binds decides on sources (runtimes/bind_sources.h): of several
/// that it lies below, the longest.
const AllowedBind* written_by_jobs(const std::vector<AllowedBind>& binds, const path& folder);

/// A fault for each folder of images and of seccomp profiles in which a container may write: who
/// may change a profile has none, and images of a folder are taken for its admin's own.
/// `document` is what they were read from.
void check_written_by_jobs(const PolicyConfig& policy, const std::vector<path>& image_folders,
                           const json::Value& document, Faults& faults);

}  // namespace drover
