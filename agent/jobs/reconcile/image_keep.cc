#include "agent/jobs/reconcile/image_keep.h"

#include <algorithm>
#include <map>

#include "agent/jobs/own_job.h"
#include "agent/jobs/verbs/images.h"
#include "agent/system/disk_space.h"
#include "runtimes/images/disk_usage.h"

namespace drover::jobs {
namespace {

/// So long a pull that was broken off may be made again without fetching everything again.
constexpr std::chrono::hours kStrays{24};
constexpr std::uint64_t kWhole = 100;

std::uint64_t percent_used(const system::DiskSpace& space) {
  return space.total == 0 ? 0 : (space.total - space.free) * kWhole / space.total;
}

}  // namespace

std::uint64_t bytes_too_many(std::uint64_t total, std::uint64_t free, std::int64_t full_percent,
                             std::int64_t enough_percent) {
  const auto share = [total](std::int64_t percent) {
    return total / kWhole * static_cast<std::uint64_t>(percent);
  };
  const std::uint64_t used = total - std::min(free, total);
  return used < share(full_percent) || used <= share(enough_percent) ? 0
                                                                     : used - share(enough_percent);
}

/// Of those that nobody uses, the digests with the time of their last use.
struct ImageKeep::Images {
  std::vector<std::pair<std::int64_t, std::string>> unused;
  bool removing = false;
};

Result<bool> ImageKeep::is_removing(Journal& journal) {
  for (const std::string& id : removals_) {
    const std::optional<JobRow> row = TRY(journal.job(id));
    if (row && !is_final(row->state)) {
      return true;
    }
  }
  removals_.clear();
  return false;
}

Result<ImageKeep::Images> ImageKeep::read() {
  const std::vector<std::string> digests = TRY(node_.images.digests());
  std::map<std::string, std::vector<std::string>> users;
  Images images;
  TRY(books_.write([&](Books& books) -> Result<> {
    users = TRY(image_users(books.journal(), node_.layout));
    images.removing = TRY(is_removing(books.journal()));
    return {};
  }));
  for (const std::string& digest : digests) {
    if (users.contains(digest)) {
      node_.images.note_use(digest);
    } else {
      images.unused.emplace_back(node_.images.last_use(digest), digest);
    }
  }
  return images;
}

Result<> ImageKeep::look(const system::Stop& stop) {
  Images images = TRY(read());
  TRY(node_.images.remove_strays(kStrays));
  const Result<system::DiskSpace> space = system::disk_space(node_.layout.images());
  if (!space || images.removing) {
    return space || space.error().code == Code::not_found ? Result<>() : Failure(space.error());
  }
  const ImagesConfig& limits = node_.config.images;
  std::uint64_t left =
      bytes_too_many(space->total, space->free, limits.full_percent, limits.enough_percent);
  if (left == 0) {
    return {};
  }
  const std::uint64_t strays = TRY(node_.images.remove_strays(std::chrono::hours(0)));
  left -= std::min(left, strays);
  std::sort(images.unused.begin(), images.unused.end());
  std::vector<std::string> going;
  for (const auto& [used, digest] : images.unused) {
    if (left == 0) {
      break;
    }
    TRY(stop.check("look how large images are"));
    going.push_back(digest);
    left -= std::min(left, node_.images.bytes_of(digest));
  }
  return remove(going, fmt::format("images: {} % of the disk are used", percent_used(*space)));
}

Result<> ImageKeep::remove(const std::vector<std::string>& digests, const std::string& why) {
  return digests.empty() ? Result<>() : books_.write([&](Books&) -> Result<> {
    for (const std::string& digest : digests) {
      JobRequest request = TRY(own_job(clock_, Verb::image_remove, digest));
      request.attempts = 1;  // the next one is asked for from here, if it is needed then
      removals_.push_back(request.id.str());
      TRY(intake_.submit_own(request, why));
    }
    return {};
  });
}

}  // namespace drover::jobs
