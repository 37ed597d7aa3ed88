// All that a check has against a spec, found by taking out of it what the check names first, again
// and again: checks themselves end at the first fault.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/core/container_spec.h"
#include "agent/system/stop.h"

namespace drover::jobs {

struct SpecRefusal {
  std::string pointer;  ///< "/spec/mounts/0"; "/spec" where it is not for one member alone
  Error error;
};

/// Whether such a spec would do; without side effects.
using SpecCheck = std::function<Result<>(const ContainerSpec&)>;

/// In the order in which the check comes to them. It is asked some 300 times at most; a last
/// element says so where that was not enough. `left` becomes what of the spec nothing is said
/// against.
Result<std::vector<SpecRefusal>> all_refusals(const ContainerSpec& spec, const SpecCheck& check,
                                              const system::Stop& stop, ContainerSpec& left);

}  // namespace drover::jobs
