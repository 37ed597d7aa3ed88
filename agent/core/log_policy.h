// LogPolicy: what becomes of what a container prints.
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/fields.h"

namespace drover {

struct LogPolicy {
  std::string driver;              ///< "journald"; "" for files
  std::uint64_t max_size_mib = 0;  ///< of one file; 0 for the node's
  std::uint64_t max_files = 0;     ///< with the one that is written to; 0 for the node's
  bool operator==(const LogPolicy&) const = default;
};

/// The member "log" of a spec.
LogPolicy read_log_policy(Fields& spec, Faults& faults);
/// The inverse; what has its default is left out.
json::Object to_json(const LogPolicy& policy);

}  // namespace drover
