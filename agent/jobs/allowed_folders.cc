#include "agent/jobs/allowed_folders.h"

#include <algorithm>

#include "agent/system/file.h"

namespace drover::jobs {
namespace {

/// Without a slash at its end, which the normal form keeps.
path top_of(const path& folder) {
  return (folder / "").lexically_normal().parent_path();
}

bool lies_below(const path& inner, const path& folder) {
  const path normal = inner.lexically_normal();
  const path top = top_of(folder);
  return std::mismatch(top.begin(), top.end(), normal.begin(), normal.end()).first == top.end();
}

}  // namespace

Result<path> allowed_folder(const Config& config, const path& wanted) {
  const std::vector<path>& allowed = config.container.image_folders;
  if (allowed.empty()) {
    return path("/");
  }
  std::string folders;
  for (const path& folder : allowed) {
    if (lies_below(wanted, folder)) {
      return folder;
    }
    folders += (folders.empty() ? "" : ", ") + folder.native();
  }
  return fail(Code::refused, "{} lies below none of the folders this node allows: {}",
              wanted.native(), folders);
}

Result<system::UniqueFd> open_allowed(const Config& config, const path& wanted, int flags) {
  const path folder = top_of(TRY(allowed_folder(config, wanted)));
  const path inside = wanted.lexically_normal().lexically_relative(folder);
  // Everything lies below "/", also what an absolute link leads to.
  return folder == "/" ? system::open_in_root(folder, inside, flags)
                       : system::open_beneath(folder, inside, flags);
}

}  // namespace drover::jobs
