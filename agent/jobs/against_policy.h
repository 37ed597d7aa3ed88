// How a refusal by the node's policy is worded.
#pragma once

#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/glob.h"
#include "agent/core/result.h"

namespace drover::jobs {

/// `refused`: `member` of a job is `value`, and the policy's `rule` says otherwise.
inline Failure against(std::string_view member, std::string_view value, std::string_view why,
                       std::string_view rule) {
  return fail(Code::refused, "{}: {} {}; its admin may change policy.{}", member, value, why, rule);
}

/// `allowed` as a reader sees it in the configuration.
template <class Names>
std::string listed(const Names& allowed) {
  return allowed.empty() ? "none" : fmt::format("{}", fmt::join(allowed, ", "));
}

inline bool fits_any(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [text](const std::string& pattern) { return glob_match(pattern, text); });
}

}  // namespace drover::jobs
