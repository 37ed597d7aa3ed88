#include "runtimes/lxc/places.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace drover::lxc {

using system::Path;
using system::UniqueFd;

Result<Place> make_folder_place(const Path& root, const Path& inside) {
  Path path = TRY(system::make_folders_in_root(root, inside));
  UniqueFd fd = TRY(system::open_in_root(root, inside, O_PATH | O_DIRECTORY));
  return Place{std::move(fd), std::move(path)};
}

Result<Place> make_file_place(const Path& root, const Path& inside) {
  TRY(system::make_folders_in_root(root, inside.parent_path()));
  Result<UniqueFd> there = system::open_in_root(root, inside, O_PATH);
  if (!there && there.error().code == Code::not_found) {
    constexpr mode_t kMode = 0644;
    TRY(system::open_in_root(root, inside, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, kMode));
    there = system::open_in_root(root, inside, O_PATH);
  }
  if (!there) {
    return Failure(there.error());
  }
  std::error_code error;
  Path path = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", there->get()), error);
  if (error) {
    return fail(Code::broken, "resolve {}: {}", inside.native(), error.message());
  }
  return Place{std::move(*there), std::move(path)};
}

bool is_below(const Path& path, const Path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
         folder.end();
}

Result<> check_not_kernels(const Path& root, const Path& place) {
  for (const char* kernels : {"proc", "sys"}) {
    if (is_below(place, root / kernels)) {
      return fail(Code::refused, "it leads into /{} of the container", kernels);
    }
  }
  return {};
}

}  // namespace drover::lxc
