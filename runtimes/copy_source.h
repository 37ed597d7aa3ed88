// CopySource: the container that another is made as a copy of.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/ids.h"
#include "agent/core/result.h"

namespace drover::runtimes {

struct CopySource {
  ContainerName container;
  std::string snapshot;  ///< "" for the container as it is
};

/// Whether an image is a container, "container:NAME" or "container:NAME@SNAPSHOT".
bool names_container(std::string_view image);
/// `invalid` for a name that neither can have.
Result<CopySource> read_copy_source(std::string_view image);

}  // namespace drover::runtimes
