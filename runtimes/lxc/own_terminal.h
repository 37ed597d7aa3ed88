// The terminal of a container's own program: liblxc's console, whose other end the monitor takes.
//
// liblxc makes one in the container's devpts, opens it as standard input, output and error of the
// first process, has that call setsid(2), and reads what is printed on it (lxc_setup_console in
// lxc/conf.c, do_start in lxc/start.c, of 5.0.2 to 7.0.0). For an init that is all: it takes a
// controlling terminal where it wants one. A shell takes what it is given, and without a
// controlling one it has neither Ctrl-C nor jobs. Nothing of liblxc runs in the first process
// between that setsid and the program that could be told so, but setsid itself is looked up by its
// name, and the program that has liblxc, drover-lxc, comes first: it has one that takes the
// terminal behind the call.
#pragma once

#include <sys/types.h>

#include "agent/core/result.h"
#include "agent/core/terminal_size.h"
#include "agent/system/unique_fd.h"

namespace drover::lxc {

/// From here on whatever calls setsid(2) in this process and its children, but for programs that
/// they begin, has its standard input as a terminal of this size; as its controlling terminal
/// where `controls`. For the process that calls liblxc's start, which ends with the container.
void give_terminal_at_setsid(const TerminalSize& size, bool controls);

/// The end of the terminal that liblxc reads, in `starter`, which has started a container that
/// runs by now: what is written there is typed. It is the same open file: non-blocking here is
/// non-blocking there, which liblxc does not mind, as it reads only what has come.
Result<system::UniqueFd> take_terminal_of(pid_t starter);

}  // namespace drover::lxc
