// ClaimFile: what is known of the claim that a singleton runs for (docs/singletons.md), for an
// agent that comes after this one and for the guard, which ends the container when nobody has
// renewed it. It lies in memory, as a pid file does: no disk that hangs keeps the guard from
// reading it, and what it is about ends with the machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::runtimes {

struct ClaimFile {
  std::string claim;
  std::string node;
  std::int64_t attempt = 0;
  std::int64_t lease = 0;
  std::chrono::nanoseconds good_until{};  ///< by system::boot_time

  bool operator==(const ClaimFile&) const = default;
};

/// `not_found` when there is none, `broken` when it is none.
Result<ClaimFile> read_claim_file(const system::Path& file);
/// The whole of it or nothing, whoever reads it meanwhile.
Result<> write_claim_file(const system::Path& file, const ClaimFile& claim);

}  // namespace drover::runtimes
