// Asker: which client a request came from.
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/key_role.h"

namespace drover::dispatch {

struct Asker {
  std::uint64_t client = 0;         ///< the server's number for it, never used again
  std::string name{};               ///< of its key; "" for root of the dispatcher's own machine
  KeyRole role = KeyRole::observe;  ///< the highest that it has: observe, submit or admin

  bool operator==(const Asker&) const = default;
};

}  // namespace drover::dispatch
