#include "agent/core/glob.h"

#include <cstddef>

namespace drover {

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  // Where to go on when what follows the last star does not fit: one character later. Only the last
  // star matters, because an earlier one could give nothing that the last one cannot.
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

bool path_glob_match(std::string_view pattern, std::string_view path) {
  for (;;) {
    const std::size_t part_of_pattern = pattern.find('/');
    const std::size_t part_of_path = path.find('/');
    if (!glob_match(pattern.substr(0, part_of_pattern), path.substr(0, part_of_path))) {
      return false;
    }
    if (part_of_pattern == std::string_view::npos || part_of_path == std::string_view::npos) {
      return part_of_pattern == part_of_path;
    }
    pattern.remove_prefix(part_of_pattern + 1);
    path.remove_prefix(part_of_path + 1);
  }
}

}  // namespace drover
