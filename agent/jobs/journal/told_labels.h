// The labels of a container, as its events tell them.
#pragma once

#include <string>

#include "agent/core/json.h"

namespace drover::jobs {

/// Sets "labels" of an event's data to those of the container whose record this is, where it has
/// any; where they are more than 4 KiB as JSON, "labels_left_out" to true instead: each event is
/// kept and published, and a spec may have many of them.
void tell_labels(const std::string& record, json::Object& data);

}  // namespace drover::jobs
