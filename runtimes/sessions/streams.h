// Pipes and terminals for a program that drover-exec begins.
#pragma once

#include <optional>

#include "agent/core/result.h"
#include "agent/core/terminal_size.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"
#include "runtimes/sessions/begun_program.h"
#include "runtimes/sessions/stream_owner.h"

namespace drover::exec {

/// The ends of the program.
struct ProgramStreams {
  system::UniqueFd in;
  system::UniqueFd out;
  system::UniqueFd err;
};

/// Makes pipes for it, whose other ends are `program`'s, and gives them to their owner; without
/// `input` it reads /dev/null.
Result<ProgramStreams> make_streams(BegunProgram& program, bool input,
                                    const std::optional<runtimes::StreamOwner>& owner);

/// Makes a terminal in the devpts of `root`, a container's, so that the program finds it there by
/// name, else in that of the node.
Result<> make_terminal(BegunProgram& program, const system::Path& root, const TerminalSize& size,
                       const std::optional<runtimes::StreamOwner>& owner);
/// Takes a terminal that a runtime has made.
Result<> take_terminal(BegunProgram& program, system::UniqueFd master, const TerminalSize& size);

}  // namespace drover::exec
