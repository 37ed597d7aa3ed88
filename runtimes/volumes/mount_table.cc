#include "runtimes/volumes/mount_table.h"

#include <algorithm>
#include <system_error>

namespace drover::runtimes {
namespace {

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

std::string decoded(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size() && is_octal(field[i + 1]) &&
        is_octal(field[i + 2]) && is_octal(field[i + 3])) {
      const int value = (field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0');
      text.push_back(static_cast<char>(value));
      i += 3;
    } else {
      text.push_back(field[i]);
    }
  }
  return text;
}

/// One blank parts two fields; a field may be empty (a source that the mounter named "").
std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> found;
  for (;;) {
    const std::size_t end = line.find(' ');
    found.push_back(line.substr(0, end));
    if (end == std::string_view::npos) {
      return found;
    }
    line.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<MountPoint> parse_mount_table(std::string_view text) {
  std::vector<MountPoint> table;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::vector<std::string_view> fields = fields_of(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    // Optional fields of any number stand between the sixth and the lone hyphen.
    constexpr std::ptrdiff_t kFixed = 6;
    if (fields.size() < static_cast<std::size_t>(kFixed)) {
      continue;
    }
    const auto hyphen = std::find(fields.begin() + kFixed, fields.end(), "-");
    if (fields.end() - hyphen < 3) {
      continue;
    }
    table.push_back({decoded(fields[4]), decoded(hyphen[1]), decoded(hyphen[2])});
  }
  return table;
}

Result<bool> is_mounted(const system::Path& target) {
  const std::string text = TRY(system::read_file("/proc/self/mountinfo"));
  std::error_code error;
  const system::Path resolved = std::filesystem::weakly_canonical(target, error);
  const system::Path& wanted = error ? target : resolved;
  const std::vector<MountPoint> table = parse_mount_table(text);
  return std::any_of(table.begin(), table.end(),
                     [&](const MountPoint& point) { return point.target == wanted; });
}

}  // namespace drover::runtimes
