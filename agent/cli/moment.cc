#include "agent/cli/moment.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "agent/core/rfc3339.h"

namespace drover::cli {
namespace {

std::int64_t ms_of(char unit) {
  switch (unit) {
    case 's':
      return 1000;
    case 'm':
      return 60'000;
    case 'h':
      return 3'600'000;
    case 'd':
      return 86'400'000;
    default:
      return 0;
  }
}

std::optional<std::int64_t> duration_from(std::string_view text) {
  constexpr std::int64_t kMost = 1'000'000;
  std::int64_t all = 0;
  if (text.empty()) {
    return std::nullopt;
  }
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const std::int64_t unit = text.empty() ? 0 : ms_of(text.front());
    if (error != std::errc() || number < 0 || number > kMost || unit == 0) {
      return std::nullopt;
    }
    all += number * unit;
    text.remove_prefix(1);
  }
  return all;
}

}  // namespace

Result<std::int64_t> moment_from(const std::string& text, std::int64_t now_unix_ms) {
  if (const auto time = unix_ms_from_rfc3339(text)) {
    return *time;
  }
  const std::optional<std::int64_t> ago = duration_from(text);
  if (!ago) {
    return fail(Code::invalid,
                "{}: give a time as 2026-11-24T14:03:05Z, or how long ago as 90s, 10m, 1h30m or 2d",
                text);
  }
  return now_unix_ms - *ago;
}

}  // namespace drover::cli
