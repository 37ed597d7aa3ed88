#include "agent/cli/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "agent/core/event.h"
#include "agent/core/rfc3339.h"

namespace drover::cli {
namespace {

std::tm local(std::int64_t unix_ms) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  return parts;
}

std::string formatted(const char* pattern, const std::tm& parts) {
  std::string text(64, '\0');
  text.resize(std::strftime(text.data(), text.size(), pattern, &parts));
  return text;
}

std::string scalar(const json::Value& value) {
  if (const std::string* text = value.string()) {
    return printable(*text);
  }
  return value.is_null() ? "-" : json::write(value);
}

bool is_empty(const json::Value& value) {
  return (value.array() != nullptr && value.array()->empty()) ||
         (value.object() != nullptr && value.object()->empty());
}

bool has_parts(const json::Value& value) {
  return (value.array() != nullptr || value.object() != nullptr) && !is_empty(value);
}

/// `first` indents the first line, `rest` the others.
void write_outline(const json::Value& value, std::string first, const std::string& rest,
                   std::string& text) {
  if (const json::Object* object = value.object()) {
    for (const auto& [key, member] : *object) {
      text += first + printable(key) + ":";
      if (has_parts(member)) {
        text += "\n";
        write_outline(member, rest + "  ", rest + "  ", text);
      } else {
        text += " " + (is_empty(member) ? "-" : scalar(member)) + "\n";
      }
      first = rest;
    }
  } else if (const json::Array* array = value.array()) {
    for (const json::Value& element : *array) {
      if (has_parts(element)) {
        write_outline(element, rest + "- ", rest + "  ", text);
      } else {
        text += rest + "- " + scalar(element) + "\n";
      }
    }
  } else {
    text += first + scalar(value) + "\n";
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown(text);
  std::replace_if(
      shown.begin(), shown.end(),
      [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
      },
      '?');
  return shown;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += fmt::format("{:<{}}", printable(row[i]), widths[i] + 2);
    }
    std::replace(line.begin(), line.end(), '\n', '?');
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string short_time(std::int64_t unix_ms, std::int64_t now_unix_ms) {
  if (unix_ms == 0) {
    return "-";
  }
  const std::tm then = local(unix_ms);
  const std::tm now = local(now_unix_ms);
  if (then.tm_year != now.tm_year) {
    return formatted("%Y-%m-%d", then);
  }
  return formatted(then.tm_yday == now.tm_yday ? "%H:%M:%S" : "%b %d %H:%M", then);
}

std::string time_of_day(std::int64_t unix_ms) {
  return fmt::format("{}.{:03}", formatted("%H:%M:%S", local(unix_ms)), unix_ms % 1000);
}

std::string duration(std::int64_t ms) {
  if (ms < 1000) {
    return fmt::format("{} ms", ms);
  }
  if (ms < 60'000) {
    return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
  }
  const std::int64_t seconds = ms / 1000;
  if (seconds < 3600) {
    return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  }
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string size_text(std::uint64_t bytes) {
  constexpr double kStep = 1024;
  if (bytes < 1024) {
    return fmt::format("{} B", bytes);
  }
  double size = static_cast<double>(bytes) / kStep;
  const char* unit = "KiB";
  for (const char* larger : {"MiB", "GiB", "TiB"}) {
    if (size < kStep) {
      break;
    }
    size /= kStep;
    unit = larger;
  }
  return fmt::format("{:.1f} {}", size, unit);
}

void write_time(json::Value& object, std::string_view key) {
  json::Object* const members = object.object();
  json::Value* const time = members == nullptr ? nullptr : members->find(key);
  if (time != nullptr) {
    const std::int64_t at = time->integer_or(0);
    *time = at == 0 ? json::Value() : json::Value(to_rfc3339(at));
  }
}

std::string outline(const json::Value& value) {
  std::string text;
  write_outline(value, "", "", text);
  return text;
}

}  // namespace drover::cli
