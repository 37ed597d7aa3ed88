// Events as a person reads them.
#pragma once

#include <string>

#include "agent/core/event.h"

namespace drover::cli {

/// "14:03:05.123    42 container web-1 stopped: exited with 7", one line.
std::string event_text(const Event& event);

}  // namespace drover::cli
