#include "runtimes/lxc/kernel_files.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "runtimes/lxc/mount_calls.h"

namespace drover::lxc {
namespace {

using system::Path;
using system::UniqueFd;

Result<> set_kernel_setting(const Path& root, std::string name, std::string_view value) {
  std::replace(name.begin(), name.end(), '.', '/');
  const UniqueFd file =
      TRY(system::open_in_root(root, Path("/proc/sys") / name, O_WRONLY | O_CLOEXEC));
  return system::write_all(file.get(), value);
}

Result<std::optional<UniqueFd>> open_there(const Path& root, const Path& path) {
  Result<UniqueFd> there = system::open_in_root(root, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (!there && there.error().code == Code::not_found) {
    return std::optional<UniqueFd>();
  }
  return std::optional(TRY(std::move(there)));
}

Result<> mask(const Path& root, const Path& path) {
  const std::optional<UniqueFd> there = TRY(open_there(root, path));
  if (!there) {
    return {};
  }
  struct stat facts {};
  if (fstat(there->get(), &facts) != 0) {
    return fail(Code::broken, "look at it: {}", std::strerror(errno));
  }
  const UniqueFd cover =
      TRY(S_ISDIR(facts.st_mode) ? make_file_system("tmpfs", {},
                                                    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                                        MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
                                 : clone_tree(AT_FDCWD, "/dev/null"));
  return attach(cover, *there, path);
}

Result<> make_read_only(const Path& root, const Path& path) {
  const std::optional<UniqueFd> there = TRY(open_there(root, path));
  if (!there) {
    return {};
  }
  const UniqueFd tree = TRY(clone_tree(there->get(), ""));
  TRY(set_attributes(tree, MOUNT_ATTR_RDONLY, true));
  return attach(tree, *there, path);
}

}  // namespace

Result<> confine_kernel_files(const Path& root, const runtimes::Spec& spec) {
  const json::Value& kernel = spec.document().at("linux");
  if (const json::Object* settings = kernel.at("sysctl").object()) {
    for (const auto& [name, value] : *settings) {
      TRY(set_kernel_setting(root, name, value.string_or("")).context("sysctls: " + name));
    }
  }
  if (const json::Array* masked = kernel.at("maskedPaths").array()) {
    for (const json::Value& path : *masked) {
      TRY(mask(root, path.string_or("")).context(fmt::format("mask {}", path.string_or(""))));
    }
  }
  if (const json::Array* fixed = kernel.at("readonlyPaths").array()) {
    for (const json::Value& path : *fixed) {
      TRY(make_read_only(root, path.string_or(""))
              .context(fmt::format("make {} read-only", path.string_or(""))));
    }
  }
  return {};
}

}  // namespace drover::lxc
