// What every fuzz target has: an entry for one input, and a way to say that an answer was wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// libFuzzer's name for it; returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace drover::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  const void* bytes = data;
  return {static_cast<const char*>(bytes), size};
}

/// Ends the program as a crash would, so that the input is kept.
inline void require(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
  }
}

}  // namespace drover::fuzz
