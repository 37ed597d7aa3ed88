#include "agent/jobs/key_rates.h"

#include <algorithm>
#include <cmath>

namespace drover::jobs {
namespace {

double seconds_of(system::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::optional<std::chrono::milliseconds> KeyRates::take(const AllowedKey& key) {
  const auto most = static_cast<double>(key.limits.jobs_per_second);
  if (most <= 0) {
    return std::nullopt;
  }
  const system::Instant now = clock_.now();
  if (buckets_.size() > kMostAllowedKeys) {
    // Of keys that are allowed no more. One that comes back begins with a full second.
    std::erase_if(buckets_, [now](const auto& one) { return seconds_of(now - one.second.at) > 1; });
  }
  const auto [found, is_new] = buckets_.try_emplace(key.name.str(), Bucket{most, now});
  Bucket& bucket = found->second;
  bucket.jobs = std::min(most, bucket.jobs + seconds_of(now - bucket.at) * most);
  bucket.at = now;
  if (bucket.jobs < 1) {
    return std::chrono::milliseconds(
        static_cast<std::int64_t>(std::ceil((1 - bucket.jobs) / most * 1000)));
  }
  bucket.jobs -= 1;
  return std::nullopt;
}

}  // namespace drover::jobs
