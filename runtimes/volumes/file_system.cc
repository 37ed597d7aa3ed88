#include "runtimes/volumes/file_system.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/system/child.h"

namespace drover::runtimes {
namespace {

/// EXT4_IOC_RESIZE_FS asks for this one, and no other will do (fs/ext4/resize.c of Linux).
bool may_grow_mounted_ext() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> held{};
  return syscall(SYS_capget, &header, held.data()) == 0 &&
         (held.front().effective & (1U << CAP_SYS_RESOURCE)) != 0;
}

}  // namespace

Result<std::string> file_system_of(const Path& path, const system::Stop& stop) {
  const system::Output output =
      TRY(system::run({"blkid", "-p", "-o", "value", "-s", "TYPE", path.native()}, stop));
  return output.ending.code == 0 ? output.out.substr(0, output.out.find('\n')) : "";
}

bool grows_mounted_only(std::string_view type) {
  return type == "xfs" || type == "btrfs";
}

Result<std::vector<std::string>> growing_mounted(const Volume& volume, const MountPoint& point) {
  if (point.type == "xfs") {
    return std::vector<std::string>{"xfs_growfs", "-d", point.target.native()};
  }
  if (point.type == "btrfs") {
    return std::vector<std::string>{"btrfs", "filesystem", "resize", "max", point.target.native()};
  }
  if (!point.type.starts_with("ext")) {
    return fail(
        Code::refused,
        "grow volume {}: it is mounted at {} with the file system {}, and only ext4, xfs and "
        "btrfs are grown; copy what is in it into a larger volume",
        volume.name, point.target.native(), point.type);
  }
  if (!may_grow_mounted_ext()) {
    return fail(Code::refused,
                "grow volume {}: it is mounted with the file system {}, which grows then only for "
                "who has CAP_SYS_RESOURCE, and droverd has not; stop the containers that have it "
                "before",
                volume.name, point.type);
  }
  return std::vector<std::string>{"resize2fs", point.source};
}

std::vector<std::string> making_file_system(const Volume& volume) {
  if (volume.file_system == "xfs") {
    // What is discarded of a file are the blocks that were reserved for it.
    return {"mkfs.xfs", "-f", "-q", "-K", volume.path.native()};
  }
  // A new file reads as zeros, and so does what is thin, where each block that is written is taken
  // from the pool. Another logical volume may hold the journal of a file system that stood on the
  // same blocks before, so there the new one is written out.
  const bool zeros = volume.kind == VolumeKind::image || volume.kind == VolumeKind::thin;
  return {"mkfs.ext4",
          "-F",
          "-q",
          "-m",
          "0",
          "-E",
          fmt::format("nodiscard,lazy_itable_init=1,lazy_journal_init={}", zeros ? 1 : 0),
          volume.path.native()};
}

Result<bool> is_half_made_xfs(const Path& path) {
  // The superblock begins with "XFSB", and says at byte 126 whether mkfs still works on it
  // (sb_inprogress, fs/xfs/libxfs/xfs_format.h of Linux).
  constexpr std::size_t kInProgress = 126;
  const system::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, kInProgress + 1> start{};
  if (!fd.valid() || read(fd.get(), start.data(), start.size()) < 0) {
    return fail(Code::broken, "read {}: {}", path.native(), std::strerror(errno));
  }
  return std::string_view(start.data(), start.size()).starts_with("XFSB") &&
         start[kInProgress] != 0;
}

}  // namespace drover::runtimes
