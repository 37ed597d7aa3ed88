#include "runtimes/guest/property_string.h"

#include <algorithm>

namespace drover::runtimes {

std::map<std::string, std::string> properties(std::string_view text) {
  std::map<std::string, std::string> all;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos) {
      all.emplace("volume", one);
    } else {
      all.emplace(one.substr(0, equals), one.substr(equals + 1));
    }
  }
  return all;
}

}  // namespace drover::runtimes
