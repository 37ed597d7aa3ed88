#include "agent/system/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace drover::system {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

/// syslog priorities, as sd-daemon(3) reads them at a line's start.
int priority_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return 7;
    case LogLevel::info:
      return 6;
    case LogLevel::warning:
      return 4;
    case LogLevel::error:
      return 3;
  }
  return 3;
}

bool under_journal() {
  static const bool value = std::getenv("JOURNAL_STREAM") != nullptr;  // NOLINT: read once
  return value;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("drover",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_level(spdlog::level::warn);
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

}  // namespace

void open_log(std::string_view program, LogLevel least) {
  std::string name;
  for (const char c : program) {
    name += c == '%' ? "%%" : std::string(1, c);
  }
  logger().set_pattern(under_journal() ? std::string("%v")
                                       : fmt::format("%Y-%m-%dT%H:%M:%S.%e {} %l: %v", name));
  logger().set_level(level_of(least));
}

void set_log_level(LogLevel least) {
  logger().set_level(level_of(least));
}

void write_log(LogLevel level, std::string_view message) {
  if (!logger().should_log(level_of(level))) {
    return;
  }
  // A line is a line: what came from outside cannot start another one, nor colour a terminal.
  std::string line = under_journal() ? fmt::format("<{}>", priority_of(level)) : std::string();
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < ' ' || byte == 0x7f ? ' ' : c;
  }
  logger().log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace drover::system
