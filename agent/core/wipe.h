// How secrets leave the memory.
#pragma once

#include <string.h>  // NOLINT: explicit_bzero stands in no header of C++

#include <string>

namespace drover {

/// Overwrites what it holds, which the compiler cannot leave out, and empties it.
inline void wipe(std::string& value) {
  explicit_bzero(value.data(), value.size());
  value.clear();
}

}  // namespace drover
