// The relay of a container's standard input: drover-exec between those who write and conmon
// (oci/oci_input.cc).
#pragma once

#include "agent/system/detached.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"

namespace drover::runtimes {

/// Stands in a bundle once its program's input was ended.
inline system::Path input_ended_note(const system::Path& bundle) {
  return bundle / "input-ended";
}

/// Connects to conmon's socket in `bundle` and hands on what comes by `listener`, the socket beside
/// it, until the input is ended or conmon has.
void relay_input(const system::Path& bundle, system::UniqueFd listener,
                 const system::Started& started);

}  // namespace drover::runtimes
