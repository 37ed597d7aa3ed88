#include "proxmox/file_digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "agent/system/unique_fd.h"

namespace drover::proxmox {

Result<std::string> sha256_of(int file, const system::Stop& stop) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> state(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (state == nullptr || EVP_DigestInit_ex(state.get(), EVP_sha256(), nullptr) != 1) {
    throw std::bad_alloc();
  }
  std::vector<char> piece(kPiece);
  for (off_t at = 0;;) {
    TRY(stop.check("read a file for its checksum"));
    const ssize_t got = pread(file, piece.data(), piece.size(), at);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail(Code::broken, "read a file for its checksum: {}", std::strerror(errno));
    }
    if (got == 0) {
      break;
    }
    EVP_DigestUpdate(state.get(), piece.data(), static_cast<std::size_t>(got));
    at += got;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  EVP_DigestFinal_ex(state.get(), bytes.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += fmt::format("{:02x}", bytes.at(i));
  }
  return text;
}

Result<std::string> sha256_of_path(const std::string& path, const system::Stop& stop) {
  const system::UniqueFd file(
      open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.valid()) {
    const int error = errno;
    return fail(error == ENOENT ? Code::not_found : Code::broken, "open {}: {}", path,
                error == ELOOP ? "it is a link, which is not followed" : std::strerror(error));
  }
  struct stat facts {};
  if (fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return fail(Code::broken, "{} is no file with content", path);
  }
  return sha256_of(file.get(), stop).context(path);
}

}  // namespace drover::proxmox
