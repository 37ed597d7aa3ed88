#include "runtimes/claim_file.h"

#include "agent/core/json.h"

namespace drover::runtimes {
Result<ClaimFile> read_claim_file(const system::Path& file) {
  const std::string text = TRY(system::read_file(file, std::size_t{4} << 10));
  const Result<json::Value> value = json::parse(text);
  ClaimFile claim;
  if (value) {
    claim.claim = value->at("claim").string_or("");
    claim.node = value->at("node").string_or("");
    claim.attempt = value->at("attempt").integer_or(0);
    claim.lease = value->at("lease").integer_or(0);
    claim.good_until = std::chrono::nanoseconds(value->at("good_until_ns").integer_or(0));
  }
  if (claim.claim.empty() || claim.attempt < 1 || claim.lease == 0) {
    return fail(Code::broken, "read {}: it holds no claim", file.native());
  }
  return claim;
}

Result<> write_claim_file(const system::Path& file, const ClaimFile& claim) {
  return system::write_unsynced(
      file,
      json::write(json::Object{{"claim", claim.claim},
                               {"node", claim.node},
                               {"attempt", claim.attempt},
                               {"lease", claim.lease},
                               {"good_until_ns", std::int64_t{claim.good_until.count()}}}),
      0600);
}

}  // namespace drover::runtimes
