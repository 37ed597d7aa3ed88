// The path of a request, as a server takes it apart.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace drover::fakes {

/// Without its percent-encoding (RFC 3986).
inline std::string decoded(const std::string& path) {
  std::string text;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' && i + 2 < path.size()) {
      text += static_cast<char>(std::stoi(path.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      text += path[i];
    }
  }
  return text;
}

/// "/nodes/pve1" is "nodes" and "pve1".
inline std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

}  // namespace drover::fakes
