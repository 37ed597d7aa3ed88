#include "runtimes/oci/node_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstring>

namespace drover::runtimes {

Result<NodeDevice> find_node_device(const system::Path& path) {
  const system::UniqueFd there(open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat facts {};
  if (!there.valid() || fstat(there.get(), &facts) != 0) {
    return fail(errno == ENOENT ? Code::not_found : Code::unavailable, "look for device {}: {}",
                path.native(), std::strerror(errno));
  }
  constexpr mode_t kPermissions = 0777;
  if (!S_ISBLK(facts.st_mode) && !S_ISCHR(facts.st_mode)) {
    return fail(Code::refused, "{} is no device; give the path of one of the node", path.native());
  }
  return NodeDevice{S_ISBLK(facts.st_mode),       major(facts.st_rdev), minor(facts.st_rdev),
                    facts.st_mode & kPermissions, facts.st_uid,         facts.st_gid};
}

}  // namespace drover::runtimes
