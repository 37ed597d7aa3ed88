// Text: how tables, times and values look on a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"

namespace drover::cli {

/// Columns as wide as their widest cell, two spaces apart; the first row is the heading. Cells are
/// taken for ASCII; control characters in them are shown as '?', so that a name cannot move the
/// cursor.
std::string table(const std::vector<std::vector<std::string>>& rows);

/// Local time: "14:03:05" when it is on the same day as `now`, "Nov 24 14:03" in the same year,
/// else "2026-11-24"; "-" for 0.
std::string short_time(std::int64_t unix_ms, std::int64_t now_unix_ms);
/// "14:03:05.123", local.
std::string time_of_day(std::int64_t unix_ms);
/// "850 ms", "12.3 s", "4 min 10 s", "3 h 2 min".
std::string duration(std::int64_t ms);

/// "512 B", "4.0 KiB", "1.3 GiB".
std::string size_text(std::uint64_t bytes);

/// Replaces the member `key` of an object, where it has one: Unix milliseconds by the time in UTC
/// (RFC 3339), 0 by null.
void write_time(json::Value& object, std::string_view key);

/// A value as indented "key: value" lines.
std::string outline(const json::Value& value);

/// The text with every control character but newline and tab replaced by '?'.
std::string printable(std::string_view text);

}  // namespace drover::cli
