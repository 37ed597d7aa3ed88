#include "agent/system/file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace drover::system {
namespace {

Failure failed(std::string_view what, const Path& path, int error) {
  const Code code = error == ENOENT || error == ENOTDIR ? Code::not_found
                    : error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE
                        ? Code::unavailable
                        : Code::broken;
  return fail(code, "{} {}: {}", what, path.native(), std::strerror(error));
}

Result<std::string> read_all(int fd, const Path& path, std::size_t most) {
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) {
      return content;
    }
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return failed("read", path, errno);
    }
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > most) {
      return fail(Code::invalid, "read {}: larger than the {} bytes accepted", path.native(), most);
    }
  }
}

/// Ends the temporary file unless it was renamed.
class Temporary {
 public:
  explicit Temporary(Path path) : path_(std::move(path)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!path_.empty()) {
      ::unlink(path_.c_str());
    }
  }
  void keep() { path_.clear(); }

 private:
  Path path_;
};

/// And renames it over the one that is there.
Result<> write_beside(const Path& path, std::string_view content, mode_t mode, bool synced) {
  const Path temporary_path = fmt::format("{}.{}.new", path.native(), gettid());
  const UniqueFd fd(
      open(temporary_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd.valid()) {
    return failed("create", temporary_path, errno);
  }
  Temporary temporary(temporary_path);
  TRY(write_all(fd.get(), content).context(fmt::format("write {}", path.native())));
  if (fchmod(fd.get(), mode) != 0 || (synced && fsync(fd.get()) != 0)) {
    return failed("sync", temporary_path, errno);
  }
  if (rename(temporary_path.c_str(), path.c_str()) != 0) {
    return failed("rename to", path, errno);
  }
  temporary.keep();
  return {};
}

/// As openat2(2), which says EAGAIN when anything at all was renamed or mounted on this machine
/// while it went up by "..": that is to be tried again. Who renames all the time to keep us here
/// does so in vain.
UniqueFd open_scoped(const UniqueFd& folder, const Path& relative, const open_how& how) {
  constexpr int kTries = 1000;
  for (int tried = 1;; ++tried) {
    UniqueFd fd(
        static_cast<int>(syscall(SYS_openat2, folder.get(), relative.c_str(), &how, sizeof how)));
    if (fd.valid() || errno != EAGAIN || tried == kTries) {
      return fd;
    }
  }
}

}  // namespace

Result<std::string> read_file(const Path& path, std::size_t most) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return failed("open", path, errno);
  }
  return read_all(fd.get(), path, most);
}

bool is_roots_alone(const struct stat& file) {
  return S_ISREG(file.st_mode) && (file.st_uid == 0 || file.st_uid == geteuid()) &&
         (file.st_mode & 077) == 0;
}

Result<std::string> read_secret(const Path& path, std::size_t most) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) {
    return failed("open secret", path, errno);
  }
  struct stat found {};
  if (fstat(fd.get(), &found) != 0) {
    return failed("stat", path, errno);
  }
  if (!is_roots_alone(found)) {
    return fail(Code::refused,
                "secret {}: must be a regular file owned by root that nobody else may read "
                "(chown root FILE; chmod 600 FILE)",
                path.native());
  }
  std::string content = TRY(read_all(fd.get(), path, most));
  if (content.ends_with('\n')) {
    content.pop_back();
  }
  return content;
}

Result<> write_unsynced(const Path& path, std::string_view content, mode_t mode) {
  return write_beside(path, content, mode, false);
}

Result<> write_atomically(const Path& path, std::string_view content, mode_t mode) {
  TRY(write_beside(path, content, mode, true));
  const UniqueFd folder(open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.valid() && fsync(folder.get()) != 0) {
    return failed("sync folder of", path, errno);
  }
  return {};
}

Result<> make_folders(const Path& path, mode_t mode) {
  // From the end: mostly no more than that is missing.
  if (mkdir(path.c_str(), mode) == 0) {
    // The umask does not say who may look into our folders; the caller does.
    return chmod(path.c_str(), mode) == 0 ? Result<>() : failed("chmod", path, errno);
  }
  if (errno == EEXIST) {
    std::error_code error;
    return std::filesystem::is_directory(path, error)
               ? Result<>()
               : fail(Code::conflict, "make folder {}: something else stands there", path.native());
  }
  const Path parent = path.parent_path();
  if (errno != ENOENT || parent == path || parent.empty()) {
    return failed("make folder", path, errno);
  }
  TRY(make_folders(parent, mode));
  return make_folders(path, mode);
}

std::vector<Path> children_of(const Path& folder) {
  std::vector<Path> children;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    children.push_back(entry->path());
  }
  return children;
}

Result<UniqueFd> open_in_root(const Path& root, const Path& relative, int flags, mode_t mode) {
  const UniqueFd folder(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) {
    return failed("open", root, errno);
  }
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd = open_scoped(folder, relative, how);
  if (!fd.valid()) {
    return failed("open", root / relative.relative_path(), errno);
  }
  return fd;
}

Result<UniqueFd> open_beneath(const Path& root, const Path& relative, int flags) {
  const UniqueFd folder(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) {
    return failed("open", root, errno);
  }
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd = open_scoped(folder, relative, how);
  if (!fd.valid()) {
    if (errno == EXDEV) {
      return fail(Code::refused, "open {}: a link on the way leads out of {}",
                  (root / relative).native(), root.native());
    }
    return failed("open", root / relative, errno);
  }
  return fd;
}

Result<Path> make_folders_in_root(const Path& root, const Path& relative, mode_t mode) {
  UniqueFd folder = TRY(open_in_root(root, "/", O_PATH | O_DIRECTORY));
  Path walked = "/";
  for (const Path& part : relative.relative_path()) {
    if (part.empty() || part == ".") {
      continue;
    }
    walked /= part;
    Result<UniqueFd> next = open_in_root(root, walked, O_PATH | O_DIRECTORY);
    if (!next && next.error().code == Code::not_found) {
      if (mkdirat(folder.get(), part.c_str(), mode) != 0 && errno != EEXIST) {
        return failed("make folder", root / walked.relative_path(), errno);
      }
      next = open_in_root(root, walked, O_PATH | O_DIRECTORY);
    }
    folder = TRY(std::move(next));
  }
  std::error_code error;
  Path resolved =
      std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", folder.get()), error);
  if (error) {
    return failed("resolve", root / relative.relative_path(), error.value());
  }
  return resolved;
}

Result<> write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return fail(errno == ENOSPC ? Code::unavailable : Code::broken, "write: {}",
                  std::strerror(errno));
    }
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace drover::system
