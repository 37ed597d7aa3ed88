// Files: read with a bound, written so that a crash leaves the old or the new one whole.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/unique_fd.h"

struct stat;

namespace drover::system {

using Path = std::filesystem::path;

/// The whole file. `not_found` when it does not exist, `invalid` when it is larger than `most`
/// bytes.
Result<std::string> read_file(const Path& path, std::size_t most = std::size_t{16} << 20);

/// A regular file, owned by root (or by who runs this), with no permission for others.
bool is_roots_alone(const struct stat& file);

/// A file that only root may have written or read: a regular file, not reached by a symlink in its
/// last part, owned by root (or by who runs this), with no permission for others, at most `most`
/// bytes. One newline at the end is cut off.
Result<std::string> read_secret(const Path& path, std::size_t most = std::size_t{64} << 10);

/// Written beside `path`, synced, renamed over it, and the folder synced.
Result<> write_atomically(const Path& path, std::string_view content, mode_t mode = 0644);
/// The same unsynced, for what is worth nothing after a power cut, which may leave it empty or out.
Result<> write_unsynced(const Path& path, std::string_view content, mode_t mode);

/// Makes the folder and its missing parents; those made get `mode`. An existing one is left as it
/// is.
Result<> make_folders(const Path& path, mode_t mode = 0755);

/// What stands directly in a folder, in no order; nothing of one that is missing or cannot be read.
std::vector<Path> children_of(const Path& folder);

/// Removes the tree below `path` and `path` itself without following symlinks, however deep it is;
/// a missing one is success. `conflict` where something is mounted, also a folder of the same file
/// system: what is mounted is never entered.
Result<> remove_tree(const Path& path);

/// Opens `relative` as if `root` were "/": symlinks and ".." in it cannot lead out of it
/// (openat2(2), RESOLVE_IN_ROOT). For every path that an image or a job names.
Result<UniqueFd> open_in_root(const Path& root, const Path& relative, int flags, mode_t mode = 0);

/// Opens `relative`, a path below `root` and no other: a symlink that leads out of it, as every one
/// to an absolute path does, is `refused`, and so are those of /proc (openat2(2), RESOLVE_BENEATH).
Result<UniqueFd> open_beneath(const Path& root, const Path& relative, int flags);

/// Makes the folder `relative` with its parents inside `root`, resolved as `open_in_root` does, and
/// returns its path on the host, free of symlinks.
Result<Path> make_folders_in_root(const Path& root, const Path& relative, mode_t mode = 0755);

/// Writes everything or fails.
Result<> write_all(int fd, std::string_view data);

}  // namespace drover::system
