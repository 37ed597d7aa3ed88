// The configuration's section "reconcile".
#pragma once

#include <cstdint>
#include <string>

#include "agent/core/fields.h"

namespace drover {

/// Section "reconcile": what the node has, held against what it should have.
struct ReconcileConfig {
  std::int64_t every_s = 60;
  std::int64_t grace_s = 600;  ///< from a leaked thing's first sight to its removal
  bool collect = true;         ///< false: leaks are told only
};

/// The section, with every fault in it and its pointer below `at`.
ReconcileConfig read_reconcile_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
