#include "runtimes/lxc/device_nodes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "runtimes/lxc/places.h"

namespace drover::lxc {
namespace {

using system::Path;

mode_t kind_of(std::string_view type) {
  return type == "b" ? S_IFBLK : type == "p" ? S_IFIFO : S_IFCHR;
}

Result<> make_device_node(const Path& root, const Path& target, const json::Value& device) {
  const Place folder = TRY(make_folder_place(root, target.parent_path()));
  if (!is_below(folder.path, root / "dev")) {
    return fail(Code::refused, "it leads out of /dev, and devices elsewhere are of no use inside");
  }
  constexpr std::int64_t kUsualMode = 0666;
  constexpr mode_t kPermissions = 07777;
  const std::string name = target.filename();
  const mode_t mode =
      static_cast<mode_t>(device.at("fileMode").integer_or(kUsualMode)) & kPermissions;
  const dev_t number = makedev(static_cast<unsigned>(device.at("major").integer_or(0)),
                               static_cast<unsigned>(device.at("minor").integer_or(0)));
  const int where = folder.fd.get();
  if (unlinkat(where, name.c_str(), 0) != 0 && errno != ENOENT) {
    return fail(Code::broken, "take away what stands there: {}", std::strerror(errno));
  }
  const uid_t owner = static_cast<uid_t>(device.at("uid").integer_or(0));
  const gid_t group = static_cast<gid_t>(device.at("gid").integer_or(0));
  // Nothing that would follow a link which has taken its place by then, as chmod(2) would.
  const mode_t before = umask(0);
  const bool made =
      mknodat(where, name.c_str(), kind_of(device.at("type").string_or("")) | mode, number) == 0 &&
      fchownat(where, name.c_str(), owner, group, AT_SYMLINK_NOFOLLOW) == 0;
  const int why = errno;
  umask(before);
  if (!made) {
    return fail(Code::broken, "make it: {}", std::strerror(why));
  }
  return {};
}

}  // namespace

Result<> make_device_nodes(const Path& root, const runtimes::Spec& spec) {
  const json::Array* devices = spec.document().at("linux").at("devices").array();
  const json::Array none;
  for (const json::Value& device : devices == nullptr ? none : *devices) {
    const Path target = device.at("path").string_or("");
    TRY(make_device_node(root, target, device).context("devices: " + target.native()));
  }
  return {};
}

}  // namespace drover::lxc
