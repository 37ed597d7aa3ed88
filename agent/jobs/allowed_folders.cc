#include "agent/jobs/allowed_folders.h"

#include "agent/core/folder_names.h"
#include "agent/system/file.h"

namespace drover::jobs {

Result<path> allowed_folder(const Config& config, const path& wanted) {
  const std::vector<path>& allowed = config.container.image_folders;
  if (allowed.empty()) {
    return path("/");
  }
  const path normal = wanted.lexically_normal();
  std::string folders;
  for (const path& folder : allowed) {
    if (lies_below(normal, without_last_slash(folder))) {
      return folder;
    }
    folders += (folders.empty() ? "" : ", ") + folder.native();
  }
  return fail(Code::refused, "{} lies below none of the folders this node allows: {}",
              wanted.native(), folders);
}

Result<system::UniqueFd> open_allowed(const Config& config, const path& wanted, int flags) {
  const path folder = without_last_slash(TRY(allowed_folder(config, wanted)));
  const path inside = wanted.lexically_normal().lexically_relative(folder);
  // Everything lies below "/", also what an absolute link leads to.
  return folder == "/" ? system::open_in_root(folder, inside, flags)
                       : system::open_beneath(folder, inside, flags);
}

}  // namespace drover::jobs
