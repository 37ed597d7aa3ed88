// Refusals: the members of a spec that a runtime cannot give, so that none is dropped in silence.
#pragma once

#include <span>
#include <string_view>

#include "agent/core/container_spec.h"
#include "agent/core/result.h"

namespace drover::runtimes {

struct Refusal {
  /// As in JSON, with dots: "resources.swap_mib". Behind an array the member of an element, or its
  /// type: "mounts.tmpfs".
  std::string_view member;
  std::string_view why;  ///< and what to do instead
};

/// Whether the spec, as JSON, says anything else than the default there.
bool gives(const json::Value& spec, std::string_view member);

/// `refused` naming the first of them that the spec gives, and the runtime.
Result<> refuse_given(const ContainerSpec& spec, RuntimeKind kind,
                      std::span<const Refusal> refusals);

}  // namespace drover::runtimes
