#include "agent/core/restart_policy.h"

#include <array>
#include <utility>

namespace drover {
namespace {

constexpr std::array<std::string_view, 3> kWhen = {"never", "on-failure", "always"};
constexpr std::int64_t kMostRestarts = 1'000'000;
constexpr std::size_t kMostExempt = 256;

std::vector<int> read_exempt_codes(Fields& fields) {
  std::vector<int> codes;
  const json::Value* given = fields.any("exempt_codes");
  if (given == nullptr) {
    return codes;
  }
  const json::Array* array = given->array();
  bool fits = array != nullptr && array->size() <= kMostExempt;
  for (std::size_t i = 0; fits && i < array->size(); ++i) {
    const std::int64_t code = array->at(i).integer_or(-1);
    fits = code >= 0 && code <= 255;
    codes.push_back(static_cast<int>(code));
  }
  if (!fits) {
    fields.fault("exempt_codes", "must be an array of at most 256 exit codes from 0 to 255");
    codes.clear();
  }
  return codes;
}

}  // namespace

std::string_view to_string(RestartPolicy::When when) {
  return kWhen.at(static_cast<std::size_t>(when));
}

RestartPolicy read_restart_policy(Fields& fields, Faults& faults) {
  RestartPolicy policy;
  fields.object("restart", [&](const json::Value& value, std::string at) {
    Fields restart(value, std::move(at), faults);
    const std::string when = restart.one_of("policy", "never", {kWhen[0], kWhen[1], kWhen[2]});
    for (std::size_t i = 0; i < kWhen.size(); ++i) {
      if (when == kWhen.at(i)) {
        policy.when = static_cast<RestartPolicy::When>(i);
      }
    }
    policy.max_attempts = restart.integer("max_attempts", 0, 0, kMostRestarts);
    policy.exempt_codes = read_exempt_codes(restart);
    restart.finish();
  });
  return policy;
}

json::Object to_json(const RestartPolicy& policy) {
  json::Object object;
  if (policy.when != RestartPolicy::When::never) {
    object.set("policy", to_string(policy.when));
  }
  if (policy.max_attempts != 0) {
    object.set("max_attempts", policy.max_attempts);
  }
  if (!policy.exempt_codes.empty()) {
    json::Array codes;
    for (const int code : policy.exempt_codes) {
      codes.emplace_back(std::int64_t{code});
    }
    object.set("exempt_codes", std::move(codes));
  }
  return object;
}

}  // namespace drover
