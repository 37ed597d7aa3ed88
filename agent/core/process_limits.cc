#include "agent/core/process_limits.h"

#include <optional>
#include <utility>

namespace drover {
namespace {

constexpr std::string_view kUnlimited = "unlimited";

/// Nothing for what has a fault.
std::optional<std::uint64_t> read_bound(Fields& fields, std::string_view key) {
  fields.require(key);
  const json::Value* value = fields.any(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->string_or("") == kUnlimited) {
    return ProcessLimit::kNone;
  }
  if (value->integer() == nullptr || *value->integer() < 0) {
    fields.fault(key, "must be a whole number from 0 on, or \"unlimited\"");
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(*value->integer());
}

json::Value bound_to_json(std::uint64_t bound) {
  return bound == ProcessLimit::kNone ? json::Value(kUnlimited) : json::Value(bound);
}

}  // namespace

ProcessLimits read_process_limits(Fields& spec, Faults& faults) {
  ProcessLimits limits;
  spec.object("rlimits", [&](const json::Value& value, std::string at) {
    Fields fields(value, std::move(at), faults);
    for (const std::string_view resource : kLimitedResources) {
      if (!fields.has(resource)) {
        fields.any(resource);
        continue;
      }
      fields.object(resource, [&](const json::Value& bounds, std::string where) {
        Fields limit(bounds, std::move(where), faults);
        const std::optional<std::uint64_t> soft = read_bound(limit, "soft");
        const std::optional<std::uint64_t> hard = read_bound(limit, "hard");
        if (soft && hard && *soft > *hard) {
          limit.fault("soft", "must not be above hard");
        }
        limit.finish();
        limits.emplace(resource, ProcessLimit{soft.value_or(0), hard.value_or(0)});
      });
    }
    fields.finish();
  });
  return limits;
}

json::Object to_json(const ProcessLimits& limits) {
  json::Object object;
  for (const auto& [resource, limit] : limits) {
    object.append(resource, json::Object{{"soft", bound_to_json(limit.soft)},
                                         {"hard", bound_to_json(limit.hard)}});
  }
  return object;
}

}  // namespace drover
