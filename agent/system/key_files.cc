#include "agent/system/key_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/core/wipe.h"

namespace drover::system {
namespace {

constexpr std::size_t kMostKeyFile = 4096;

}  // namespace

Result<> check_keys_folder(const Path& folder) {
  struct stat found {};
  if (stat(folder.c_str(), &found) != 0) {
    return fail(errno == ENOENT ? Code::not_found : Code::broken,
                "look at the folder of keys {}: {}", folder.native(), std::strerror(errno));
  }
  if (!S_ISDIR(found.st_mode) || (found.st_uid != 0 && found.st_uid != geteuid()) ||
      (found.st_mode & 022) != 0) {
    return fail(Code::refused,
                "{} must be a folder of root's in which nobody else may write (chown root FOLDER; "
                "chmod 700 FOLDER)",
                folder.native());
  }
  return {};
}

Result<KeyPair> read_key_file(const Path& file) {
  std::string text = TRY(read_secret(file, kMostKeyFile));
  Result<KeyPair> keys = KeyPair::parse(text);
  wipe(text);
  return std::move(keys).context(file.native());
}

Result<std::optional<KeyPair>> read_key_file_if_any(const Path& file) {
  Result<KeyPair> keys = read_key_file(file);
  if (!keys && keys.error().code == Code::not_found) {
    return std::optional<KeyPair>();
  }
  return std::optional<KeyPair>(TRY(std::move(keys)));
}

Result<AllowList> read_allow_list(const Path& file) {
  const Result<std::string> text = read_secret(file, kMostAllowListBytes);
  if (!text) {
    if (text.error().code == Code::not_found) {
      return AllowList();
    }
    return Failure(text.error());
  }
  return AllowList::parse(*text).context(file.native());
}

}  // namespace drover::system
