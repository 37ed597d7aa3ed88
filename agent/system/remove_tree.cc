// Removing trees that others have made: programs in containers make them as deep and as wide as
// they like, and nothing of this process may grow with that. Where it fails, what was deeper than
// kMostOpen folders may stand elsewhere below that depth.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "agent/system/file.h"

namespace drover::system {
namespace {

/// Folders one below the other that are open at once; each takes a descriptor, and some stack.
constexpr int kMostOpen = 64;
/// Names of one folder that are remembered at once.
constexpr std::size_t kMostNames = 1024;

Failure cannot(std::string_view what, const Path& path, int error) {
  if (error == EXDEV || error == EBUSY) {
    return fail(Code::conflict, "remove {}: something is mounted there", path.native());
  }
  const bool is_short = error == EMFILE || error == ENFILE || error == ENOSPC || error == EDQUOT;
  const Code code = error == ENOENT || error == ENOTDIR ? Code::not_found
                    : is_short                          ? Code::unavailable
                                                        : Code::broken;
  return fail(code, "{} {}: {}", what, path.native(), std::strerror(error));
}

/// A copy of names: a folder that is changed while it is read may show one twice.
Result<std::vector<std::string>> some_names(const UniqueFd& folder, const Path& shown) {
  std::error_code error;
  std::vector<std::string> names;
  const Path opened = fmt::format("/proc/self/fd/{}", folder.get());
  for (std::filesystem::directory_iterator entry(opened, error), end;
       !error && entry != end && names.size() < kMostNames; entry.increment(error)) {
    names.push_back(entry->path().filename().native());
  }
  return error ? cannot("list", shown, error.value())
               : Result<std::vector<std::string>>(std::move(names));
}

/// Whether there is nothing of this name any more: else it is a folder.
Result<bool> unlinked(int parent, const std::string& name, const Path& shown) {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) {
    return true;
  }
  return errno == EISDIR || errno == EPERM ? Result<bool>(false)
                                           : Result<bool>(cannot("remove", shown, errno));
}

Result<UniqueFd> open_to_empty(int parent, const std::string& name, const Path& shown) {
  // Comparing devices would not tell a bind mount of the same file system, a volume for one.
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
  UniqueFd folder(static_cast<int>(::syscall(SYS_openat2, parent, name.c_str(), &how, sizeof how)));
  return folder.valid() ? Result<UniqueFd>(std::move(folder))
                        : Result<UniqueFd>(cannot("open", shown, errno));
}

Result<> remove_emptied(int parent, const std::string& name, const Path& shown) {
  return ::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT
             ? Result<>()
             : Result<>(cannot("remove", shown, errno));
}

/// Moves the folders that are in one up into `top`, and removes all else that is in it.
Result<> lift_folders(const UniqueFd& folder, const UniqueFd& top, std::uint64_t& moved,
                      const Path& shown) {
  for (bool is_all = false; !is_all;) {
    const std::vector<std::string> names = TRY(some_names(folder, shown));
    is_all = names.size() < kMostNames;
    for (const std::string& name : names) {
      bool is_gone = TRY(unlinked(folder.get(), name, shown));
      while (!is_gone) {
        // At worst it takes the place of an empty one.
        const std::string place = fmt::format(".{}", ++moved);
        is_gone = ::renameat(folder.get(), name.c_str(), top.get(), place.c_str()) == 0;
        if (!is_gone && errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR) {
          return cannot("move up", shown, errno);
        }
      }
    }
  }
  return {};
}

/// Empties a folder in which others may stand to any depth, by two descriptors.
Result<> empty_flat(const UniqueFd& top, const Path& shown) {
  std::uint64_t moved = 0;
  for (;;) {
    const std::vector<std::string> names = TRY(some_names(top, shown));
    if (names.empty()) {
      return {};
    }
    for (const std::string& name : names) {
      if (TRY(unlinked(top.get(), name, shown))) {
        continue;
      }
      const UniqueFd folder = TRY(open_to_empty(top.get(), name, shown));
      TRY(lift_folders(folder, top, moved, shown));
      TRY(remove_emptied(top.get(), name, shown));
    }
  }
}

Result<> remove_below(int parent, const std::string& name, const Path& shown, int depth);

Result<> empty(const UniqueFd& folder, const Path& shown, int depth) {
  // Only what is as deep as nothing of ours: what could not be removed stands where it stood.
  if (depth == kMostOpen) {
    return empty_flat(folder, shown);
  }
  for (bool is_all = false; !is_all;) {
    const std::vector<std::string> names = TRY(some_names(folder, shown));
    is_all = names.size() < kMostNames;
    for (const std::string& name : names) {
      TRY(remove_below(folder.get(), name, shown / name, depth));
    }
  }
  return {};
}

Result<> remove_below(int parent, const std::string& name, const Path& shown, int depth) {
  if (TRY(unlinked(parent, name, shown))) {
    return {};
  }
  {
    const UniqueFd folder = TRY(open_to_empty(parent, name, shown));
    TRY(empty(folder, shown, depth + 1));
  }
  return remove_emptied(parent, name, shown);
}

}  // namespace

Result<> remove_tree(const Path& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? Result<>() : Result<>(cannot("stat", path, errno));
  }
  const Path name = path.filename();
  if (name.empty() || name == "." || name == "..") {
    return fail(Code::invalid, "remove {}: names no folder by its own name", path.native());
  }
  const Path above = path.has_parent_path() ? path.parent_path() : Path(".");
  const UniqueFd parent(::open(above.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!parent.valid()) {
    return cannot("open", above, errno);
  }
  return remove_below(parent.get(), name.native(), path, 0);
}

}  // namespace drover::system
