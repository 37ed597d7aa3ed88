#include "agent/system/child.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

/// Checking reads all metadata: minutes on a large volume of a slow storage.
constexpr std::chrono::hours kGrowTimeout{2};

/// e2fsck(8): 1 and 2 mean that what was wrong is corrected.
constexpr int kCorrected = 2;

}  // namespace

Result<> grow_file_system(const Volume& volume, const system::Stop& stop) {
  if (is_bound(volume.kind)) {
    return {};
  }
  system::RunOptions options;
  options.timeout = kGrowTimeout;
  // resize2fs insists on a check of what is not mounted.
  const system::Output checked =
      TRY(system::run({"e2fsck", "-f", "-p", volume.path.native()}, stop, options));
  if (checked.ending.code > kCorrected) {
    return fail(Code::broken,
                "check the file system of volume {}: {}; repair it by hand: e2fsck {}", volume.name,
                checked.last_line(), volume.path.native());
  }
  TRY(system::run_ok({"resize2fs", volume.path.native()}, stop, options)
          .context("grow the file system of volume " + volume.name));
  return {};
}

}  // namespace drover::runtimes
