#include "messaging/client/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/core/wipe.h"
#include "agent/system/unique_fd.h"
#include "messaging/curve/key_pairs.h"

namespace drover::messaging {
namespace {

constexpr std::size_t kMostKeyFile = 4096;

Result<std::string> read_whole(int fd, const system::Path& path) {
  std::string text(kMostKeyFile + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(fd, text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return fail(Code::unavailable, "key file {}: {}", path.native(), std::strerror(errno));
    }
    if (count == 0) {
      text.resize(size);
      return text;
    }
    size += static_cast<std::size_t>(count);
  }
  wipe(text);
  return fail(Code::invalid, "key file {}: larger than any key", path.native());
}

}  // namespace

Result<KeyPair> read_key_file(const system::Path& path) {
  const system::UniqueFd fd(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) {
    const Code code = errno == ENOENT ? Code::not_found : Code::refused;
    return fail(code, "key file {}: {}", path.native(), std::strerror(errno));
  }
  struct stat found {};
  if (fstat(fd.get(), &found) != 0) {
    return fail(Code::unavailable, "key file {}: {}", path.native(), std::strerror(errno));
  }
  const mode_t mode = found.st_mode & 07777;
  if (!S_ISREG(found.st_mode) || found.st_uid != geteuid() || (mode != 0400 && mode != 0600)) {
    return fail(
        Code::refused,
        "key file {}: must be a regular file of your own (user {}) with mode 0400 or 0600, "
        "and is of user {} with mode {:04o}: chmod 600 it; if others may have read it, make "
        "a new key by `drover keys new`",
        path.native(), geteuid(), found.st_uid, mode);
  }
  std::string text = TRY(read_whole(fd.get(), path));
  Result<KeyPair> pair = KeyPair::parse(text).context(fmt::format("key file {}", path.native()));
  wipe(text);
  if (pair && !check_pair(*pair)) {
    return fail(Code::invalid, "key file {}: its public key is not that of its secret key",
                path.native());
  }
  return pair;
}

}  // namespace drover::messaging
