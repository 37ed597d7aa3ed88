// RestartPolicy: whether a container whose program has ended is started again.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

/// A container that somebody has stopped, killed or deleted by a job is never started again by its
/// policy.
struct RestartPolicy {
  enum class When {
    never,
    on_failure,  ///< it ended with another code than 0, by a signal, or nobody knows how
    always,
  };
  When when = When::never;
  /// How often in a row; 0 for no bound. The row ends after ten minutes of running.
  std::int64_t max_attempts = 0;
  std::vector<int>
      exempt_codes{};  ///< exit codes after which it stays stopped whatever `when` says
  bool operator==(const RestartPolicy&) const = default;
};

std::string_view to_string(RestartPolicy::When when);

/// The member "restart" of a spec: {"policy", "max_attempts", "exempt_codes"}.
RestartPolicy read_restart_policy(Fields& fields, Faults& faults);
/// The inverse; what has its default is left out.
json::Object to_json(const RestartPolicy& policy);

}  // namespace drover
