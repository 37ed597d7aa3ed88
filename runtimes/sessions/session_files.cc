#include "runtimes/sessions/session_files.h"

#include <array>

#include "agent/core/json.h"

namespace drover::runtimes {
namespace {

constexpr std::array kCodes = {Code::cancelled, Code::timed_out, Code::unavailable, Code::not_found,
                               Code::conflict,  Code::refused,   Code::invalid};

}  // namespace

Code code_named(std::string_view name) {
  for (const Code code : kCodes) {
    if (to_string(code) == name) {
      return code;
    }
  }
  return Code::broken;
}

Result<> write_outcome(const SessionFiles& files, const Result<int>& outcome) {
  const json::Object told = outcome ? json::Object{{"code", *outcome}}
                                    : json::Object{{"error", to_string(outcome.error().code)},
                                                   {"message", outcome.error().message}};
  return system::write_atomically(files.outcome(), json::write(told), 0600);
}

std::optional<Result<int>> read_outcome(const SessionFiles& files) {
  const Result<std::string> text = system::read_file(files.outcome());
  if (!text) {
    return std::nullopt;
  }
  const Result<json::Value> told = json::parse(*text);
  const std::int64_t code = told ? told->at("code").integer_or(-1) : -1;
  if (code >= 0 && code <= 255) {
    return Result<int>(static_cast<int>(code));
  }
  if (told && told->at("message").string() != nullptr) {
    return Result<int>(
        fail(code_named(told->at("error").string_or("")), "{}", told->at("message").string_or("")));
  }
  return Result<int>(fail(Code::broken, "{} does not say how it ended", files.outcome().native()));
}

}  // namespace drover::runtimes
