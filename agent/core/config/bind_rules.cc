#include "agent/core/config/bind_rules.h"

#include "agent/core/folder_names.h"

namespace drover {

const AllowedBind* deciding_bind(const std::vector<AllowedBind>& binds, const path& source) {
  const AllowedBind* longest = nullptr;
  for (const AllowedBind& one : binds) {
    if (lies_below(source, one.source) &&
        (longest == nullptr || lies_below(one.source, longest->source))) {
      longest = &one;
    }
  }
  return longest;
}

}  // namespace drover
