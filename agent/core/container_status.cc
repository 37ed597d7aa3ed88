#include "agent/core/container_status.h"

#include <fmt/format.h>

namespace drover {
namespace {
constexpr std::array<std::string_view, kStatusCount> kNames = {
    "creating", "created",  "running", "paused",  "stopping",
    "stopped",  "deleting", "gone",    "backoff", "unknown"};
}

std::string_view to_string(Status status) {
  return kNames.at(static_cast<std::size_t>(status));
}

std::optional<Status> status_from(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames.at(i) == name) {
      return static_cast<Status>(i);
    }
  }
  return std::nullopt;
}

json::Value to_json(const Exit& exit) {
  json::Object object;
  object.set("code", exit.code ? json::Value(*exit.code) : json::Value());
  if (exit.oom) {
    object.set("oom", true);
  }
  if (exit.at_unix_ms != 0) {
    object.set("at", exit.at_unix_ms);
  }
  if (!exit.reason.empty()) {
    object.set("reason", exit.reason);
  }
  return object;
}

Exit exit_from_json(const json::Value& value) {
  Exit exit;
  if (const std::int64_t* code = value.at("code").integer()) {
    exit.code = static_cast<int>(*code);
  }
  exit.oom = value.at("oom").boolean_or(false);
  exit.at_unix_ms = value.at("at").integer_or(0);
  exit.reason = value.at("reason").string_or("");
  return exit;
}

std::string to_text(const Exit& exit) {
  if (exit.oom) {
    return "out of memory";
  }
  if (!exit.code) {
    if (exit.reason == kCheckpointed) {
      return "checkpointed";
    }
    return exit.reason.empty() ? "ended, exit code unknown" : "unknown: " + exit.reason;
  }
  if (*exit.code > 128 && *exit.code <= 128 + 64) {
    return fmt::format("killed by signal {}", *exit.code - 128);
  }
  return fmt::format("exited with {}", *exit.code);
}

}  // namespace drover
