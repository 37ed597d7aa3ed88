#include "agent/cli/event_text.h"

#include <algorithm>

#include "agent/cli/text.h"
#include "agent/core/container_status.h"

namespace drover::cli {
namespace {

/// What the event's data adds; "" for nothing.
std::string detail(const Event& event) {
  const json::Value data(event.data);
  if (event.what.starts_with("step_")) {
    const std::string_view subject = data.at("subject").string_or("");
    return fmt::format("{}{}{} of {}", data.at("name").string_or(""), subject.empty() ? "" : " ",
                       subject, data.at("target").string_or("-"));
  }
  if (event.what == "progress") {
    const std::int64_t percent = data.at("percent").integer_or(-1);
    return fmt::format(
        "{} of {}: {}{}", data.at("name").string_or(""), data.at("target").string_or("-"),
        percent < 0 ? "" : fmt::format("{} %: ", percent), data.at("line").string_or(""));
  }
  if (event.what == to_string(Status::backoff)) {
    const std::int64_t at = data.at("at").integer_or(0);
    return fmt::format(
        "{}, restart {} {}", to_text(exit_from_json(data.at("exit"))),
        data.at("attempt").integer_or(0),
        at != 0 ? "at " + time_of_day(at) : "waits: " + std::string(data.at("held").string_or("")));
  }
  if (event.what == "unhealthy") {
    return fmt::format("probe {}: {}", data.at("probe").string_or(""),
                       data.at("message").string_or(""));
  }
  if (event.what == "gave_up") {
    return fmt::format("{} after {} restarts in a row", to_text(exit_from_json(data.at("exit"))),
                       data.at("attempts").integer_or(0));
  }
  if (data.at("exit").object() != nullptr) {
    return to_text(exit_from_json(data.at("exit")));
  }
  if (data.at("error").object() != nullptr) {
    return fmt::format("{}: {}", data.at("error").at("code").string_or(""),
                       data.at("error").at("message").string_or(""));
  }
  if (event.what == "waiting") {
    return fmt::format("{} for {}", data.at("target").string_or(""), data.at("for").string_or(""));
  }
  if (event.kind == "job" && data.at("verb").string() != nullptr) {
    return fmt::format("{} {}", data.at("verb").string_or(""), data.at("target").string_or(""));
  }
  const bool explains = event.kind == "node" || event.kind == "network" || event.kind == "security";
  if (explains && data.at("message").string() != nullptr) {
    return std::string(data.at("message").string_or(""));
  }
  return std::string(data.at("runtime").string_or(""));
}

}  // namespace

std::string event_text(const Event& event) {
  const std::string more = detail(event);
  std::string line =
      printable(fmt::format("{} {:>6} {} {} {}{}{}", time_of_day(event.at_unix_ms), event.seq,
                            event.kind, event.object, event.what, more.empty() ? "" : ": ", more));
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace drover::cli
