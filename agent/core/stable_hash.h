// A hash that is the same on every machine and in every version: names are made of it.
#pragma once

#include <cstdint>
#include <string_view>

namespace drover {

/// FNV-1a: for what only has to differ among the things of one node, never against who wants two
/// of them to be the same.
constexpr std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  return hash;
}

}  // namespace drover
