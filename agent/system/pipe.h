// Pipe: pipe(2), with ends that close themselves and that no other program inherits.
#pragma once

#include <string>

#include "agent/core/result.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

/// `unavailable` when there are no descriptors left.
Result<Pipe> make_pipe();

/// All that comes until nobody has the other end open any more; what cannot be read is the end.
std::string read_to_end(int pipe);

}  // namespace drover::system
