// FetchProgress: how far the fetch of an image is.
#pragma once

#include <string>
#include <vector>

#include "agent/system/file.h"

namespace drover::runtimes {

/// From the lines that skopeo has printed so far, and the sizes of what it has got: in `blobs` what
/// is whole, in `layout` what is not. "" when it has said nothing.
std::string fetch_progress(const std::vector<std::string>& lines, const system::Path& blobs,
                           const system::Path& layout);

}  // namespace drover::runtimes
