#include "agent/core/folder_names.h"

#include <algorithm>

namespace drover {

using std::filesystem::path;

bool lies_below(const path& inner, const path& folder) {
  return std::mismatch(folder.begin(), folder.end(), inner.begin(), inner.end()).first ==
         folder.end();
}

path without_last_slash(const path& folder) {
  return (folder / "").lexically_normal().parent_path();
}

}  // namespace drover
