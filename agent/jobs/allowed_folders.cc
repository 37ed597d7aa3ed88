#include "agent/jobs/allowed_folders.h"

#include <algorithm>

namespace drover::jobs {
namespace {

bool lies_below(const path& inner, const path& folder) {
  const path normal = inner.lexically_normal();
  const path top = (folder / "").lexically_normal().parent_path();
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

}  // namespace drover::jobs
