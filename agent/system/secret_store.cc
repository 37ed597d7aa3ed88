#include "agent/system/secret_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/core/wipe.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"

namespace drover::system {
namespace {

Failure failed_secret(std::string_view what, const std::string& name, const Path& folder,
                      int error) {
  if (error == ENOENT) {
    return fail(Code::not_found,
                "{}: this node has no secret {}; `drover secret create {}` makes "
                "it of what it reads",
                what, name, name);
  }
  const Code code = error == EACCES || error == EPERM || error == ELOOP ? Code::refused
                    : error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE
                        ? Code::unavailable
                        : Code::broken;
  return fail(code, "{} {} in {}: {}", what, name, folder.native(), std::strerror(error));
}

constexpr std::int64_t kMilli = 1000;
constexpr std::int64_t kNanoInMilli = 1'000'000;

}  // namespace

Result<std::vector<StoredSecret>> SecretStore::list() const {
  std::vector<StoredSecret> all;
  if (access(folder_.c_str(), R_OK | X_OK) != 0 && errno != ENOENT) {
    return failed_secret("list secrets", "", folder_, errno);
  }
  for (const Path& file : children_of(folder_)) {
    struct stat found {};
    const std::string name = file.filename();
    // One that is being written has a name that begins with a dot.
    if (!name.starts_with('.') && lstat(file.c_str(), &found) == 0 && S_ISREG(found.st_mode)) {
      all.push_back({name, static_cast<std::uint64_t>(found.st_size),
                     found.st_mtim.tv_sec * kMilli + found.st_mtim.tv_nsec / kNanoInMilli});
    }
  }
  std::sort(all.begin(), all.end(), [](const StoredSecret& one, const StoredSecret& other) {
    return one.name < other.name;
  });
  return all;
}

Result<> SecretStore::check(const std::string& name) const {
  struct stat found {};
  return lstat((folder_ / name).c_str(), &found) == 0
             ? Result<>()
             : failed_secret("secrets", name, folder_, errno);
}

Result<std::string> SecretStore::read(const std::string& name) const {
  const Path file = folder_ / name;
  const UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat found {};
  if (!fd.valid() || fstat(fd.get(), &found) != 0) {
    return failed_secret("read secret", name, folder_, errno);
  }
  if (!is_roots_alone(found)) {
    return fail(Code::refused,
                "read secret {}: {} must be a regular file of root's that nobody else may read "
                "(chown root FILE; chmod 400 FILE)",
                name, file.native());
  }
  if (found.st_size > static_cast<off_t>(kMostSecretBytes)) {
    return fail(Code::invalid,
                "read secret {}: {} has {} bytes, more than the {} that one may have", name,
                file.native(), found.st_size, kMostSecretBytes);
  }
  // Read into what it fits into at once: a string that grows leaves copies behind.
  std::string value(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t have = 0;
  while (have < value.size()) {
    const ssize_t got = ::read(fd.get(), value.data() + have, value.size() - have);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      wipe(value);
      return fail(Code::unavailable, "read secret {}: {} was changed meanwhile", name,
                  file.native());
    }
    have += static_cast<std::size_t>(got);
  }
  return value;
}

Result<> SecretStore::write(const std::string& name, std::string_view value, bool replace) const {
  if (value.empty() || value.size() > kMostSecretBytes) {
    return fail(Code::invalid, "make secret {}: it must have 1 to {} bytes, not {}", name,
                kMostSecretBytes, value.size());
  }
  TRY(make_folders(folder_, 0700).context("make secret " + name));
  const UniqueFd folder(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || flock(folder.get(), LOCK_EX) != 0) {
    return failed_secret("make secret", name, folder_, errno);
  }
  remove_unfinished();
  const Path unnamed = folder_ / ("." + name);
  TRY(write_atomically(unnamed, value, 0400).context("make secret " + name));
  const unsigned how = replace ? 0 : RENAME_NOREPLACE;
  if (renameat2(AT_FDCWD, unnamed.c_str(), AT_FDCWD, (folder_ / name).c_str(), how) != 0) {
    const int error = errno;
    unlink(unnamed.c_str());
    return error == EEXIST ? fail(Code::conflict,
                                  "make secret {}: there is one of that name; --replace gives it "
                                  "another value",
                                  name)
                           : failed_secret("make secret", name, folder_, error);
  }
  return fsync(folder.get()) == 0 ? Result<>() : failed_secret("make secret", name, folder_, errno);
}

void SecretStore::remove_unfinished() const {
  for (const Path& file : children_of(folder_)) {
    if (file.filename().native().starts_with('.')) {
      unlink(file.c_str());
    }
  }
}

Result<> SecretStore::remove(const std::string& name) const {
  return unlink((folder_ / name).c_str()) == 0
             ? Result<>()
             : failed_secret("remove secret", name, folder_, errno);
}

}  // namespace drover::system
