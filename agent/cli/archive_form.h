// The form of an archive of images, by the files in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "agent/core/result.h"

namespace drover::cli {

/// Reads at `offset`; how many bytes there were, fewer than `into` has at the end only.
using ReadAt = std::function<Result<std::size_t>(std::uint64_t offset, std::span<char> into)>;

/// "docker-archive" for what docker save writes, "oci-archive" for an OCI image layout in a tar
/// file; what is both, as of a newer docker, is the former. A compressed one, in which nothing is
/// looked up, is taken for the former, too. `invalid` for what is neither.
Result<std::string_view> archive_form(const ReadAt& read);

}  // namespace drover::cli
