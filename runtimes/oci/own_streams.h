// The streams of a program with users of its own: pipes that its monitor has made, who is root of
// the node. Programs open them once more by their names, /dev/stdout and /dev/stderr, which the
// kernel lets their owner do; crun gives them to it by itself, and runc and liblxc do not where
// those are users of its own.
#pragma once

#include <sys/types.h>

#include "agent/core/result.h"
#include "runtimes/oci/spec.h"

namespace drover::runtimes {

/// Gives the pipe `stream`, a path that may be one of /proc, to the program of `spec`. What is no
/// pipe stays whose it is. Nothing to do for one without users of its own.
Result<> give_stream(const Spec& spec, const system::Path& stream);
/// Its standard input, output and error, of the process that is to become it.
Result<> give_streams(const Spec& spec, pid_t pid);

}  // namespace drover::runtimes
