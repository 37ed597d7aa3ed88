// What `drover` says by its exit code. docs and --help name the same numbers.
#pragma once

#include "agent/core/result.h"
#include "agent/system/stop.h"

namespace drover::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;         ///< the node refused it, or its job failed
inline constexpr int kUsage = 2;          ///< the command line is wrong (run, exec: kOwnFailure)
inline constexpr int kDeadline = 124;     ///< the job's deadline passed
inline constexpr int kOwnFailure = 125;   ///< drover itself: no node, no answer, no container
inline constexpr int kInterrupted = 130;  ///< Ctrl-C

/// The code for an error that ended a command.
int exit_code_of(const Error& error);
/// The same where 1 to 123 belong to the program inside (run --wait, exec).
int exit_code_beside_program(const Error& error);

/// For what people end by Ctrl-C, as following does: kInterrupted instead of the error `cancelled`,
/// which main would print.
Result<int> quiet_when_interrupted(Result<int> ended, const system::Stop& stop);

/// Prints "drover: " and the error with its faults on standard error, in the command line's words.
void print_error(const Error& error);

/// Prints what a job ended with and returns the code for it: `failed` when neither Ctrl-C
/// (`interrupt`) nor its deadline ended it.
int failed_job(const Error& error, const system::Stop& interrupt, int failed = kFailed);
/// Prints what is wrong with the command line and returns the code for it.
int wrong_usage(const Error& error, int code = kUsage);

/// The foot of the help of each command.
inline constexpr const char* kExitStatus =
    "Exit status:\n"
    "  0 done, 1 the node refused it or its job failed, 2 wrong usage, 124 the job's\n"
    "  deadline passed, 125 drover could not reach the node, 130 interrupted\n";

}  // namespace drover::cli
