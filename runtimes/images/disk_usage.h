// How much of the disk a tree takes.
#pragma once

#include <cstdint>

#include "agent/system/file.h"

namespace drover::runtimes {

/// Bytes of all blocks below `folder`, a file with several names counted once; links are not
/// followed. What cannot be read counts nothing: it is a figure for people.
std::uint64_t disk_usage(const system::Path& folder);

}  // namespace drover::runtimes
