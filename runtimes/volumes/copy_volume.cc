#include <filesystem>
#include <utility>

#include "agent/system/child.h"
#include "agent/system/spare_disk.h"
#include "runtimes/volumes/subvolume.h"
#include "runtimes/volumes/thin_volumes.h"
#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

/// A terabyte at 100 MB/s takes three hours; whoever wants it sooner gives the job a deadline.
constexpr std::chrono::hours kCopyTimeout{24};

std::vector<std::string> copying(const Volume& from, const Volume& to) {
  switch (from.kind) {
    case VolumeKind::folder:
    case VolumeKind::dataset:
      // The dot: what is in it, and the folder's own owner and mode.
      return {"cp", "-a", "--reflink=auto", "--", (from.path / ".").native(), to.path.native()};
    case VolumeKind::image:
      return {"cp", "--reflink=auto", "--sparse=auto", "--", from.path.native(), to.path.native()};
    case VolumeKind::subvolume:  // these have ways of their own (subvolume.h, thin_volumes.h)
    case VolumeKind::thin:
    case VolumeKind::block:
    case VolumeKind::guest_disk:
      break;
  }
  return {"dd",    "if=" + from.path.native(), "of=" + to.path.native(),
          "bs=4M", "conv=fsync,notrunc",       "status=none"};
}

/// What an earlier copy had begun may hold what has been deleted since. The folder itself stays: of
/// a dataset it is where that is mounted.
Result<> empty_folder(const Path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    TRY(system::remove_tree(entry->path()));
  }
  return error ? fail(Code::broken, "empty {}: {}", folder.native(), error.message()) : Result<>();
}

}  // namespace

Result<> copy_volume(const Volume& from, const Volume& to, const system::Stop& stop) {
  if (from.kind != to.kind) {
    // On ZFS an earlier version made devices, and a new volume is a dataset.
    return fail(
        Code::refused,
        "copy volume {}: it was made as another kind of volume than {} makes now; copy what "
        "is in it into a new one, from a container that has both",
        from.id, to.storage);
  }
  if (from.kind == VolumeKind::subvolume) {
    return snapshot_subvolume(from, to, stop);
  }
  if (from.kind == VolumeKind::thin) {
    return snapshot_thin(from, to, stop);
  }
  if (is_bound(from.kind)) {
    TRY(empty_folder(to.path));
  }
  system::RunOptions options;
  options.child.dies_with_parent = true;
  options.timeout = kCopyTimeout;
  const auto copy = [&](const system::Stop& cut_off) -> Result<> {
    TRY(system::run_ok(copying(from, to), cut_off, options));
    return {};
  };
  // A folder keeps to no size; all else was given its room before.
  Result<> copied =
      to.kind == VolumeKind::folder ? system::write_to_spare_disk(to.path, stop, copy) : copy(stop);
  TRY(std::move(copied).context(fmt::format("copy volume {} to {}", from.name, to.name)));
  if (from.kind == VolumeKind::block) {
    return {};
  }
  TRY(system::run_ok({"sync", "-f", to.path.native()}, stop, options));
  return {};
}

}  // namespace drover::runtimes
