#include <filesystem>

#include "agent/system/child.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

/// A terabyte at 100 MB/s takes three hours; whoever wants it sooner gives the job a deadline.
constexpr std::chrono::hours kCopyTimeout{24};

std::vector<std::string> copying(const Volume& from, const Volume& to) {
  switch (from.kind) {
    case VolumeKind::folder:
      // The dot: what is in it, and the folder's own owner and mode.
      return {"cp", "-a", "--reflink=auto", "--", (from.path / ".").native(), to.path.native()};
    case VolumeKind::image:
      return {"cp", "--reflink=auto", "--sparse=auto", "--", from.path.native(), to.path.native()};
    case VolumeKind::block:
    case VolumeKind::guest_disk:
      break;
  }
  return {"dd",    "if=" + from.path.native(), "of=" + to.path.native(),
          "bs=4M", "conv=fsync,notrunc",       "status=none"};
}

}  // namespace

Result<> copy_volume(const Volume& from, const Volume& to, const system::Stop& stop) {
  if (from.kind != to.kind) {
    return fail(Code::broken, "copy volume {} to {}: they are of different kinds", from.id, to.id);
  }
  TRY(activate_volume(from, stop));
  TRY(activate_volume(to, stop));
  if (from.kind == VolumeKind::folder) {
    // What an earlier copy had begun may hold what has been deleted since.
    TRY(system::remove_tree(to.path));
    TRY(system::make_folders(to.path, 0755));
  }
  system::RunOptions options;
  options.timeout = kCopyTimeout;
  TRY(system::run_ok(copying(from, to), stop, options)
          .context(fmt::format("copy volume {} to {}", from.name, to.name)));
  if (from.kind == VolumeKind::block) {
    return {};
  }
  TRY(system::run_ok({"sync", "-f", to.path.native()}, stop, options));
  return {};
}

}  // namespace drover::runtimes
