#include "runtimes/images/image_folders.h"

#include <fmt/format.h>

namespace drover::runtimes {

std::string beside(std::string_view prefix, const system::Path& folder) {
  return std::string(prefix) + folder.filename().native();
}

std::string whole_of(const system::Path& folder) {
  const std::string name = folder.filename();
  for (const std::string_view prefix : {kGone, kUnfinished}) {
    if (name.starts_with(prefix)) {
      return name.substr(prefix.size());
    }
  }
  return "";
}

std::string digest_in(std::string_view folder) {
  constexpr std::string_view kAlgorithm = "sha256-";
  constexpr std::size_t kDigits = 64;
  if (!folder.starts_with(kAlgorithm) || folder.size() != kAlgorithm.size() + kDigits ||
      folder.find_first_not_of("0123456789abcdef", kAlgorithm.size()) != std::string_view::npos) {
    return "";
  }
  return fmt::format("sha256:{}", folder.substr(kAlgorithm.size()));
}

}  // namespace drover::runtimes
