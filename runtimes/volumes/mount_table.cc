#include "runtimes/volumes/mount_table.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
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

/// Of an overlay's options, in which a comma or colon of the folder's own name is escaped.
std::string lower_in(std::string_view options) {
  constexpr std::string_view kLower = "lowerdir=";
  while (!options.empty() && !options.starts_with(kLower)) {
    options.remove_prefix(std::min(options.find(','), options.size() - 1) + 1);
  }
  options.remove_prefix(std::min(kLower.size(), options.size()));
  std::string path;
  const std::string text = decoded(options.substr(0, options.find(',')));
  for (std::size_t i = 0; i < text.size() && text[i] != ':'; ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
    }
    path.push_back(text[i]);
  }
  return path;
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
    MountPoint point{decoded(fields[4]), decoded(hyphen[1]), decoded(hyphen[2])};
    point.removed = fields[3].ends_with("//deleted");
    if (point.type == "overlay" && fields.end() - hyphen > 3) {
      point.lower = lower_in(hyphen[3]);
      // It was mounted by a descriptor, and its source names it (ImageStore::mount_root).
      if (point.lower.starts_with("/proc/self/fd/")) {
        point.lower = point.source;
      }
    }
    table.push_back(std::move(point));
  }
  return table;
}

Result<std::vector<MountPoint>> mount_table() {
  const std::string text = TRY(system::read_file("/proc/self/mountinfo"));
  return parse_mount_table(text);
}

Result<std::optional<MountPoint>> mounted_at(const system::Path& target) {
  std::vector<MountPoint> table = TRY(mount_table());
  std::error_code error;
  const system::Path resolved = std::filesystem::weakly_canonical(target, error);
  const system::Path& wanted = error ? target : resolved;
  // The last one lies on top of the others.
  const auto found = std::find_if(table.rbegin(), table.rend(),
                                  [&](const MountPoint& point) { return point.target == wanted; });
  return found == table.rend() ? std::nullopt : std::optional(std::move(*found));
}

Result<bool> is_mounted(const system::Path& target) {
  const std::optional<MountPoint> point = TRY(mounted_at(target));
  return point.has_value();
}

Result<bool> is_mount_root(const system::Path& target) {
  struct statx found {};
  if (::statx(AT_FDCWD, target.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &found) !=
      0) {
    return errno == ENOENT || errno == ENOTDIR
               ? Result<bool>(false)
               : fail(Code::broken, "look at {}: {}", target.native(), std::strerror(errno));
  }
  return (found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0
             ? Result<bool>((found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
             : is_mounted(target);
}

}  // namespace drover::runtimes
