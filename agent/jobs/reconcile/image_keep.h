// ImageKeep: images that nobody uses go when the disk fills, those first that were used last
// longest ago.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/jobs/intake.h"
#include "agent/jobs/node.h"
#include "agent/system/clock.h"
#include "agent/system/stop.h"

namespace drover::jobs {

/// Belongs to the reconciler's thread. What it removes goes by jobs of the agent's own: they keep
/// what a container or another job has got hold of meanwhile, and tell of what went.
class ImageKeep {
 public:
  /// All must outlive it.
  ImageKeep(const Node& node, Books& books, Intake& intake, system::Clock& clock)
      : node_(node), books_(books), intake_(intake), clock_(clock) {}

  /// Notes which images are in use now, removes what fetches that were broken off have left for a
  /// day, and has images removed when the disk is as full as images.full_percent says.
  Result<> look(const system::Stop& stop);

 private:
  struct Images;
  Result<Images> read();
  /// Whether a removal that was asked for earlier is still to come.
  Result<bool> is_removing(Journal& journal);
  Result<> remove(const std::vector<std::string>& digests, const std::string& why);

  const Node& node_;
  Books& books_;
  Intake& intake_;
  system::Clock& clock_;
  std::vector<std::string> removals_;  // jobs; the loop's thread
};

/// How many bytes have to be freed, so that of `total` no more than `enough_percent` are used; 0
/// while less than `full_percent` are.
std::uint64_t bytes_too_many(std::uint64_t total, std::uint64_t free, std::int64_t full_percent,
                             std::int64_t enough_percent);

}  // namespace drover::jobs
