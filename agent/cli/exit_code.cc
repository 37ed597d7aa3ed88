#include "agent/cli/exit_code.h"

#include <fmt/format.h>

#include <cstdio>

#include "agent/cli/own_words.h"
#include "agent/cli/text.h"

namespace drover::cli {

int exit_code_of(const Error& error) {
  switch (error.code) {
    case Code::cancelled:
      return kInterrupted;
    case Code::unavailable:
    case Code::timed_out:
    case Code::broken:
      return kOwnFailure;
    case Code::not_found:
    case Code::conflict:
    case Code::refused:
    case Code::invalid:
      return kFailed;
  }
  return kOwnFailure;
}

int exit_code_beside_program(const Error& error) {
  const int code = exit_code_of(error);
  return code == kFailed ? kOwnFailure : code;
}

Result<int> quiet_when_interrupted(Result<int> ended, const system::Stop& stop) {
  if (!ended && ended.error().code == Code::cancelled && stop.requested()) {
    return kInterrupted;
  }
  return ended;
}

void print_error(const Error& error) {
  fmt::print(stderr, "drover: {}\n", printable(to_text(in_own_words(error))));
}

int failed_job(const Error& error, const system::Stop& interrupt, int failed) {
  print_error(error);
  return interrupt.requested() ? kInterrupted : error.code == Code::timed_out ? kDeadline : failed;
}

int wrong_usage(const Error& error, int code) {
  print_error(error);
  return code;
}

}  // namespace drover::cli
