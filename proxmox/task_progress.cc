#include "proxmox/task_progress.h"

#include <charconv>

#include "agent/core/ascii.h"

namespace drover::proxmox {
namespace {

constexpr int kAll = 100;

bool is_of_number(char c) {
  return is_digit(c) || c == '.';
}

/// What stands in front of a percent sign.
std::optional<int> number_before(std::string_view text) {
  std::size_t begin = text.size();
  while (begin > 0 && is_of_number(text[begin - 1])) {
    --begin;
  }
  // "x50%" is a name, and "-5%" nothing that a task has done.
  const bool stands_alone =
      begin == 0 || !(is_alphanumeric(text[begin - 1]) || text[begin - 1] == '-' ||
                      text[begin - 1] == '_' || text[begin - 1] == '%');
  int whole = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + begin, end, whole);
  const bool fits = read.ec == std::errc() && (read.ptr == end || *read.ptr == '.');
  return stands_alone && fits && whole <= kAll ? std::optional(whole) : std::nullopt;
}

}  // namespace

std::optional<int> percent_in(std::string_view line) {
  for (std::size_t at = line.rfind('%'); at != std::string_view::npos && at > 0;
       at = line.rfind('%', at - 1)) {
    // "%20" is a blank of a URL.
    const bool ends = at + 1 == line.size() || !is_alphanumeric(line[at + 1]);
    if (const std::optional<int> found = ends ? number_before(line.substr(0, at)) : std::nullopt) {
      return found;
    }
  }
  return std::nullopt;
}

std::string_view backup_mode_in(std::string_view line) {
  constexpr std::string_view kMode = "INFO: backup mode: ";
  if (!line.starts_with(kMode)) {
    return {};
  }
  const std::string_view told = line.substr(kMode.size());
  for (const std::string_view mode : {"snapshot", "suspend", "stop"}) {
    if (told == mode) {
      return mode;
    }
  }
  return {};
}

}  // namespace drover::proxmox
