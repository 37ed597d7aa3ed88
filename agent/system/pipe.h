// Pipe: pipe(2), with ends that close themselves and that no other program inherits.
#pragma once

#include "agent/core/result.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

/// `unavailable` when there are no descriptors left.
Result<Pipe> make_pipe();

}  // namespace drover::system
