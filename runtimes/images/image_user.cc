#include "runtimes/images/image_user.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <string>

namespace drover::runtimes {
namespace {

constexpr std::size_t kMostUserFile = std::size_t{4} << 20;

/// The file, or "" when the image has none. It comes from the image, so it may be a symlink to
/// anywhere, a FIFO or endless.
Result<std::string> read_in_image(const system::Path& rootfs, const system::Path& file) {
  Result<system::UniqueFd> opened =
      system::open_in_root(rootfs, file, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!opened) {
    return opened.error().code == Code::not_found ? Result<std::string>("")
                                                  : Failure(std::move(opened).error());
  }
  struct stat found {};
  if (fstat(opened->get(), &found) != 0 || !S_ISREG(found.st_mode)) {
    return fail(Code::invalid, "the image's {} is no regular file", file.native());
  }
  std::string content;
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t got = read(opened->get(), buffer.data(), buffer.size());
    if (got == 0) {
      return content;
    }
    if (got < 0 && errno != EINTR) {
      return fail(Code::broken, "read the image's {}: {}", file.native(), std::strerror(errno));
    }
    content.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (content.size() > kMostUserFile) {
      return fail(Code::invalid, "the image's {} is larger than {} bytes", file.native(),
                  kMostUserFile);
    }
  }
}

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  // The last number means "unchanged" to setuid(2).
  return error == std::errc() && end == text.data() + text.size() &&
                 number != std::numeric_limits<std::uint32_t>::max()
             ? std::optional(number)
             : std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

struct PasswdEntry {
  std::string_view name;
  std::uint32_t uid;
  std::uint32_t gid;
};

/// passwd(5): name:password:UID:GID:... Lines that are none are skipped, as getpwnam(3) does.
std::optional<PasswdEntry> find_in_passwd(std::string_view passwd, std::string_view name,
                                          std::optional<std::uint32_t> uid) {
  for (const std::string_view line : split(passwd, '\n')) {
    const std::vector<std::string_view> fields = split(line, ':');
    if (fields.size() < 4) {
      continue;
    }
    const auto entry_uid = number_of(fields[2]);
    const auto entry_gid = number_of(fields[3]);
    if (entry_uid && entry_gid && (fields[0] == name || (uid && *uid == *entry_uid))) {
      return PasswdEntry{fields[0], *entry_uid, *entry_gid};
    }
  }
  return std::nullopt;
}

/// group(5): name:password:GID:member,member
std::optional<std::uint32_t> find_group(std::string_view groups, std::string_view name) {
  for (const std::string_view line : split(groups, '\n')) {
    const std::vector<std::string_view> fields = split(line, ':');
    if (fields.size() >= 3 && fields[0] == name) {
      return number_of(fields[2]);
    }
  }
  return std::nullopt;
}

std::vector<std::uint32_t> groups_of_member(std::string_view groups, std::string_view member) {
  std::vector<std::uint32_t> gids;
  for (const std::string_view line : split(groups, '\n')) {
    const std::vector<std::string_view> fields = split(line, ':');
    if (fields.size() < 4) {
      continue;
    }
    const std::vector<std::string_view> members = split(fields[3], ',');
    const auto gid = number_of(fields[2]);
    if (gid && std::find(members.begin(), members.end(), member) != members.end()) {
      gids.push_back(*gid);
    }
  }
  return gids;
}

}  // namespace

Result<ImageUser> find_image_user(const system::Path& rootfs, std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view user = text.substr(0, colon);
  const std::string_view group =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (colon != std::string_view::npos && (user.empty() || group.empty())) {
    return fail(Code::invalid, "user \"{}\": must be USER or USER:GROUP", text);
  }
  const std::string passwd = TRY(read_in_image(rootfs, "etc/passwd"));
  const std::string groups = TRY(read_in_image(rootfs, "etc/group"));
  const std::optional<std::uint32_t> uid =
      user.empty() ? std::optional<std::uint32_t>(0) : number_of(user);
  const std::optional<PasswdEntry> entry =
      find_in_passwd(passwd, user.empty() ? "root" : user, uid);
  if (!entry && !uid) {
    return fail(Code::invalid, "user \"{}\": the image has no user {}", text, user);
  }
  ImageUser found;
  found.uid = uid ? *uid : entry->uid;
  found.gid = entry ? entry->gid : 0;
  if (!group.empty()) {
    const std::optional<std::uint32_t> number = number_of(group);
    const std::optional<std::uint32_t> gid = number ? number : find_group(groups, group);
    if (!gid) {
      return fail(Code::invalid, "user \"{}\": the image has no group {}", text, group);
    }
    found.gid = *gid;
  } else if (entry) {
    found.additional_gids = groups_of_member(groups, entry->name);
  }
  return found;
}

}  // namespace drover::runtimes
