#include "agent/system/child.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

/// Moving what is in the way of new tables reads and writes much of a large volume.
constexpr std::chrono::hours kGrowTimeout{2};

}  // namespace

Result<> grow_file_system(const Volume& volume, const system::Stop& stop) {
  if (is_bound(volume.kind)) {
    return {};
  }
  // resize2fs insists on a check of what is not mounted.
  TRY(check_file_system(volume, Check::all, stop));
  system::RunOptions options;
  options.child.dies_with_parent = true;
  options.timeout = kGrowTimeout;
  TRY(system::run_ok({"resize2fs", volume.path.native()}, stop, options)
          .context("grow the file system of volume " + volume.name));
  return {};
}

}  // namespace drover::runtimes
