#include "agent/core/config/written_by_jobs.h"

#include <algorithm>
#include <string_view>

#include "agent/core/config/bind_rules.h"
#include "agent/core/folder_names.h"

namespace drover {
namespace {

/// The element of an array that is `text`, for its line.
const json::Value* element_called(const json::Value& array, std::string_view text) {
  const json::Array* const elements = array.array();
  if (elements == nullptr) {
    return nullptr;
  }
  const auto found =
      std::find_if(elements->begin(), elements->end(), [&](const json::Value& element) {
        return without_last_slash(element.string_or("")) == without_last_slash(text);
      });
  return found == elements->end() ? nullptr : &*found;
}

}  // namespace

const AllowedBind* written_by_jobs(const std::vector<AllowedBind>& binds, const path& folder) {
  const path place = without_last_slash(folder);
  const AllowedBind* const longest = deciding_bind(binds, place);
  if (longest != nullptr && !longest->read_only) {
    return longest;
  }
  const auto below = std::find_if(binds.begin(), binds.end(), [&](const AllowedBind& one) {
    return !one.read_only && lies_below(one.source, place);
  });
  return below == binds.end() ? nullptr : &*below;
}

void check_written_by_jobs(const PolicyConfig& policy, const std::vector<path>& image_folders,
                           const json::Value& document, Faults& faults) {
  const auto check = [&](const std::vector<path>& folders, std::string_view section,
                         std::string_view member) {
    for (const path& folder : folders) {
      if (const AllowedBind* bind = written_by_jobs(policy.binds, folder)) {
        faults.add(fmt::format("/{}/{}", section, member),
                   fmt::format("{} must not be where containers may write: policy.binds has {} "
                               "with read_only false; let a longer rule make it read-only",
                               folder.native(), bind->source.native()),
                   element_called(document.at(section).at(member), folder.native()));
      }
    }
  };
  check(image_folders, "container", "image_folders");
  check(policy.seccomp_folders, "policy", "seccomp");
}

}  // namespace drover
