#include "agent/core/rfc3339.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <ctime>

namespace drover {
namespace {

/// The next number of exactly so many digits.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  int number = 0;
  if (text.size() < digits) {
    return std::nullopt;
  }
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, std::string_view either) {
  const bool found = !text.empty() && either.find(text.front()) != std::string_view::npos;
  text.remove_prefix(found ? 1 : 0);
  return found;
}

/// A fraction of a second, cut to milliseconds; none when there is a point and no digit.
std::optional<int> take_fraction(std::string_view& text) {
  if (!take(text, ".")) {
    return 0;
  }
  int milliseconds = 0;
  std::size_t digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
    constexpr std::array kWorth = {100, 10, 1};
    milliseconds += digits < kWorth.size() ? (text.front() - '0') * kWorth.at(digits) : 0;
    ++digits;
  }
  return digits == 0 ? std::nullopt : std::optional(milliseconds);
}

/// Minutes ahead of UTC.
std::optional<int> take_offset(std::string_view& text) {
  if (take(text, "Zz")) {
    return 0;
  }
  const bool behind = text.starts_with('-');
  if (!take(text, "+-")) {
    return std::nullopt;
  }
  const auto hours = take_number(text, 2);
  if (!hours || *hours > 23 || !take(text, ":")) {
    return std::nullopt;
  }
  const auto minutes = take_number(text, 2);
  if (!minutes || *minutes > 59) {
    return std::nullopt;
  }
  const int all = *hours * 60 + *minutes;
  return behind ? -all : all;
}

}  // namespace

std::string to_rfc3339(std::int64_t unix_ms) {
  // Rounded down also before 1970, so that the milliseconds are never negative.
  const std::int64_t milliseconds = (unix_ms % 1000 + 1000) % 1000;
  const std::time_t seconds = static_cast<std::time_t>((unix_ms - milliseconds) / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     milliseconds);
}

std::optional<std::int64_t> unix_ms_from_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto year_number = take_number(text, 4);
  if (!year_number || *year_number < 1970 || !take(text, "-")) {
    return std::nullopt;
  }
  const auto month_number = take_number(text, 2);
  if (!month_number || !take(text, "-")) {
    return std::nullopt;
  }
  const auto day_number = take_number(text, 2);
  if (!day_number || !take(text, "Tt ")) {
    return std::nullopt;
  }
  const auto hour_number = take_number(text, 2);
  if (!hour_number || *hour_number > 23 || !take(text, ":")) {
    return std::nullopt;
  }
  const auto minute_number = take_number(text, 2);
  if (!minute_number || *minute_number > 59 || !take(text, ":")) {
    return std::nullopt;
  }
  const auto second_number = take_number(text, 2);
  const auto fraction = second_number ? take_fraction(text) : std::nullopt;
  const auto offset = fraction ? take_offset(text) : std::nullopt;
  const year_month_day date{year(*year_number), month(static_cast<unsigned>(*month_number)),
                            day(static_cast<unsigned>(*day_number))};
  if (!offset || *second_number > 60 || !date.ok() || !text.empty()) {
    return std::nullopt;
  }
  const sys_time<milliseconds> time = sys_days(date) + hours(*hour_number) +
                                      minutes(*minute_number - *offset) + seconds(*second_number) +
                                      milliseconds(*fraction);
  return time.time_since_epoch().count();
}

}  // namespace drover
