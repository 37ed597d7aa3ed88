// The log of a program, on standard error, where systemd's journal takes it. Libraries return
// errors and do not log; what agent/ logs, it logs once.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace drover::system {

enum class LogLevel { debug, info, warning, error };

/// Sets the program's name and the least level. Without it, warnings and errors are written. Under
/// systemd (JOURNAL_STREAM is set) lines carry a priority prefix (sd-daemon(3)) and no time.
void open_log(std::string_view program, LogLevel least);
void set_log_level(LogLevel least);
void write_log(LogLevel level, std::string_view message);

template <class... Args>
void log_debug(fmt::format_string<Args...> pattern, Args&&... args) {
  write_log(LogLevel::debug, fmt::format(pattern, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> pattern, Args&&... args) {
  write_log(LogLevel::info, fmt::format(pattern, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> pattern, Args&&... args) {
  write_log(LogLevel::warning, fmt::format(pattern, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> pattern, Args&&... args) {
  write_log(LogLevel::error, fmt::format(pattern, std::forward<Args>(args)...));
}

}  // namespace drover::system
