#include "runtimes/volumes/subvolume.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "agent/system/child.h"

namespace drover::runtimes {
namespace {

/// Of the folder that a subvolume begins with (BTRFS_FIRST_FREE_OBJECTID, linux/btrfs_tree.h).
constexpr ino_t kFirstInode = 256;

/// Whoever deletes many blocks waits for a commit of all that the file system has to write.
constexpr std::chrono::minutes kBtrfsTimeout{10};

Result<std::string> run_btrfs(std::vector<std::string> arguments, const system::Stop& stop) {
  arguments.insert(arguments.begin(), "btrfs");
  system::RunOptions options;
  options.child.dies_with_parent = true;
  options.timeout = kBtrfsTimeout;
  options.most_output = std::size_t{64} << 20U;
  return system::run_ok(arguments, stop, options);
}

/// The subvolumes that stand in the one of this number. Nobody's names are read for it, which
/// programs in a volume choose: of the tree of all roots it takes the references by number.
Result<> add_children(int folder, std::uint64_t id, std::vector<std::uint64_t>& found) {
  for (std::uint64_t next = 0;;) {
    btrfs_ioctl_search_args search{};
    search.key.tree_id = BTRFS_ROOT_TREE_OBJECTID;
    search.key.min_objectid = search.key.max_objectid = id;
    search.key.min_type = search.key.max_type = BTRFS_ROOT_REF_KEY;
    search.key.min_offset = next;
    search.key.max_offset = search.key.max_transid = std::numeric_limits<std::uint64_t>::max();
    search.key.nr_items = std::numeric_limits<std::uint32_t>::max();
    if (ioctl(folder, BTRFS_IOC_TREE_SEARCH, &search) != 0) {
      return fail(Code::broken, "list what stands in subvolume {}: {}", id, std::strerror(errno));
    }
    std::size_t at = 0;
    for (std::uint32_t item = 0; item < search.key.nr_items; ++item) {
      btrfs_ioctl_search_header header;
      std::memcpy(&header, search.buf + at, sizeof header);
      at += sizeof header + header.len;
      found.push_back(header.offset);
      next = header.offset + 1;
    }
    if (search.key.nr_items == 0) {
      return {};
    }
  }
}

/// All that stand in it, and itself: each before the one that it stands in.
Result<std::vector<std::uint64_t>> from_inside(const Path& path) {
  const system::UniqueFd folder(
      open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  btrfs_ioctl_ino_lookup_args self{};
  self.objectid = kFirstInode;
  if (!folder.valid() || ioctl(folder.get(), BTRFS_IOC_INO_LOOKUP, &self) != 0) {
    return fail(Code::broken, "look up subvolume {}: {}", path.native(), std::strerror(errno));
  }
  std::vector<std::uint64_t> found = {self.treeid};
  for (std::size_t next = 0; next < found.size(); ++next) {
    TRY(add_children(folder.get(), found[next], found));
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace

bool is_subvolume(const Path& path) {
  struct stat found {};
  struct statfs system {};
  return lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) &&
         found.st_ino == kFirstInode && statfs(path.c_str(), &system) == 0 &&
         system.f_type == BTRFS_SUPER_MAGIC;
}

Result<> make_subvolume(const Path& path, const system::Stop& stop) {
  TRY(run_btrfs({"subvolume", "create", path.native()}, stop));
  return {};
}

Result<> limit_subvolume(const Path& path, std::uint64_t size_mib, const system::Stop& stop) {
  const std::vector<std::string> limit = {"qgroup", "limit", std::to_string(size_mib << 20U),
                                          path.native()};
  if (!run_btrfs(limit, stop)) {
    // Most of all because there are none yet.
    TRY(run_btrfs({"quota", "enable", path.native()}, stop));
    TRY(run_btrfs(limit, stop).context("limit " + path.native()));
  }
  // Otherwise a crash of the machine takes it away, and nobody asks for it again.
  TRY(run_btrfs({"filesystem", "sync", path.native()}, stop));
  return {};
}

Result<> snapshot_subvolume(const Volume& from, const Volume& to, const system::Stop& stop) {
  TRY(delete_subvolume(to.path, stop));
  TRY(run_btrfs({"subvolume", "snapshot", from.path.native(), to.path.native()}, stop)
          .context(fmt::format("copy volume {} to {}", from.name, to.name)));
  return limit_subvolume(to.path, to.size_mib, stop);
}

Result<> delete_subvolume(const Path& path, const system::Stop& stop) {
  if (!is_subvolume(path)) {
    return {};
  }
  const Path folder = path.parent_path();
  const std::vector<std::uint64_t> all = TRY(from_inside(path));
  for (const std::uint64_t id : all) {
    // By its number: what stands in it has any name, and may be read-only.
    TRY(run_btrfs({"subvolume", "delete", "--commit-after", "--subvolid", std::to_string(id),
                   folder.native()},
                  stop)
            .context("delete " + path.native()));
  }
  // Older kernels keep the quota of what is deleted. Those that are still being emptied go later.
  (void)run_btrfs({"qgroup", "clear-stale", folder.native()}, stop).has_value();
  return {};
}

}  // namespace drover::runtimes
