#include "agent/system/child.h"
#include "runtimes/volumes/file_system.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

/// Checking reads all metadata: minutes on a large volume of a slow storage.
constexpr std::chrono::hours kCheckTimeout{2};

/// e2fsck(8): 1 and 2 mean that what was wrong is corrected.
constexpr int kCorrected = 2;

}  // namespace

Result<> check_file_system(const Volume& volume, Check how, const system::Stop& stop) {
  const std::string type = TRY(file_system_of(volume.path, stop));
  if (!type.starts_with("ext")) {
    return {};  // somebody else has made it, and the kernel mends it, or does not mount it
  }
  std::vector<std::string> argv = {"e2fsck", "-p", volume.path.native()};
  if (how == Check::all) {
    argv.insert(argv.begin() + 1, "-f");
  }
  system::RunOptions options;
  options.child.dies_with_parent = true;
  options.timeout = kCheckTimeout;
  const system::Output checked = TRY(system::run(argv, stop, options));
  if (checked.ending.code > kCorrected) {
    return fail(Code::broken,
                "check the file system of volume {}: {}; repair it by hand: e2fsck {}", volume.name,
                checked.last_line(), volume.path.native());
  }
  return {};
}

}  // namespace drover::runtimes
