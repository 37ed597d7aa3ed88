#include "runtimes/lxc/inside_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "runtimes/lxc/mount_calls.h"
#include "runtimes/lxc/places.h"

namespace drover::lxc {
namespace {

using system::Path;
using system::UniqueFd;

/// Of mount(8), those that the kernel has as attributes of any mount.
std::uint64_t attribute_of(std::string_view option) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> kAttributes = {
      {{"ro", MOUNT_ATTR_RDONLY},
       {"nosuid", MOUNT_ATTR_NOSUID},
       {"nodev", MOUNT_ATTR_NODEV},
       {"noexec", MOUNT_ATTR_NOEXEC}}};
  for (const auto& [name, attribute] : kAttributes) {
    if (option == name) {
      return attribute;
    }
  }
  return 0;
}

std::uint64_t attributes_of(const json::Value& mount) {
  std::uint64_t attributes = 0;
  if (const json::Array* options = mount.at("options").array()) {
    for (const json::Value& option : *options) {
      attributes |= attribute_of(option.string_or(""));
    }
  }
  return attributes;
}

/// A mount of its own of what stands at `source`, which the kernel lets no set-user-ID program and
/// no device file of count.
Result<UniqueFd> clone_of_node(const Path& source, const json::Value& mount) {
  UniqueFd tree = TRY(clone_tree(AT_FDCWD, source));
  TRY(set_attributes(tree, attributes_of(mount) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, true)
          .context(source.native()));
  return tree;
}

Result<> bind_inside(const Path& root, const Path& target, const json::Value& mount) {
  const Path source = mount.at("source").string_or("");
  struct stat facts {};
  if (stat(source.c_str(), &facts) != 0) {
    return fail(Code::broken, "open {} to mount it: {}", source.native(), std::strerror(errno));
  }
  const Place place =
      TRY(S_ISDIR(facts.st_mode) ? make_folder_place(root, target) : make_file_place(root, target));
  TRY(check_not_kernels(root, place.path));
  const UniqueFd tree = TRY(clone_of_node(source, mount));
  return attach(tree, place.fd, place.path);
}

/// "size=65536k", "mode=1777": what the file system takes, not the mount.
Result<UniqueFd> new_file_system(const std::string& type, const json::Value& mount) {
  std::vector<std::pair<std::string, std::string>> settings;
  if (const json::Array* options = mount.at("options").array()) {
    for (const json::Value& option : *options) {
      const std::string text(option.string_or(""));
      if (const std::size_t equals = text.find('='); equals != std::string::npos) {
        settings.emplace_back(text.substr(0, equals), text.substr(equals + 1));
      }
    }
  }
  return make_file_system(type, settings, attributes_of(mount));
}

}  // namespace

Result<> mount_inside(const Path& root, const json::Value& mount) {
  const std::string type(mount.at("type").string_or(""));
  const Path target = mount.at("destination").string_or("");
  if (type == "bind") {
    return bind_inside(root, target, mount);
  }
  if ((type != "tmpfs" && type != "mqueue") || target == "/dev") {
    return {};
  }
  const Place place = TRY(make_folder_place(root, target));
  TRY(check_not_kernels(root, place.path));
  const UniqueFd made = TRY(new_file_system(type, mount));
  return attach(made, place.fd, place.path);
}

}  // namespace drover::lxc
