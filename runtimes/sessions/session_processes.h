// The processes of a program that is run inside: those of its session (setsid(2)).
#pragma once

#include <sys/types.h>

namespace drover::runtimes {

/// SIGKILL to the program and all of its session, which whoever began it has made for it alone,
/// also to those that they make meanwhile; those that began a session of their own are left. For a
/// program that has not been reaped: its session's number is nobody else's then.
void end_session_of(pid_t program);

}  // namespace drover::runtimes
