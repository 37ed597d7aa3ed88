// Trace: when the simulated node was at work, for who measures what lies between.
#pragma once

#include <cstdint>
#include <string_view>

#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// Nanoseconds since 1970, as other processes read them.
std::int64_t now_ns();

/// Appends a line {"what":"GET /version","begin":NS,"end":NS} to Place::trace, for a request or a
/// task ("task vzstart"). Any thread: a line is one write.
void trace(const path& file, std::string_view what, std::int64_t begin, std::int64_t end);

}  // namespace drover::pve_sim
