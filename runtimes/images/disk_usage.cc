#include "runtimes/images/disk_usage.h"

#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <utility>

namespace drover::runtimes {

std::uint64_t disk_usage(const system::Path& folder) {
  /// What st_blocks counts, whatever the file system's own block size (stat(2)).
  constexpr std::uint64_t kBlock = 512;
  std::uint64_t bytes = 0;
  std::set<std::pair<dev_t, ino_t>> seen;
  std::error_code error;
  using std::filesystem::directory_options;
  using Walk = std::filesystem::recursive_directory_iterator;
  for (Walk entry(folder, directory_options::skip_permission_denied, error), end;
       !error && entry != end; entry.increment(error)) {
    struct stat found {};
    if (lstat(entry->path().c_str(), &found) != 0 ||
        (found.st_nlink > 1 && !S_ISDIR(found.st_mode) &&
         !seen.emplace(found.st_dev, found.st_ino).second)) {
      continue;
    }
    bytes += static_cast<std::uint64_t>(found.st_blocks) * kBlock;
  }
  return bytes;
}

}  // namespace drover::runtimes
