#include "runtimes/oci/container_mounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace drover::runtimes {
namespace {

struct PlacedMount {
  std::string target;
  std::string type;
  std::string source;
  std::vector<std::string> options;
};

std::ptrdiff_t depth_of(const PlacedMount& mount) {
  const Path target = Path(mount.target).lexically_normal();
  return std::distance(target.begin(), target.end()) - (target.filename().empty() ? 1 : 0);
}

}  // namespace

void add_container_mounts(Spec& spec, const Container& container, const Path& secrets) {
  std::vector<PlacedMount> mounts;
  for (const BindMount& mount : container.mounts) {
    mounts.push_back({mount.target,
                      "bind",
                      mount.source,
                      {"rbind", "rprivate", "nosuid", "nodev", mount.read_only ? "ro" : "rw"}});
  }
  for (const MountSpec& mount : container.spec.mounts) {
    if (mount.kind == MountSpec::Kind::tmpfs) {
      mounts.push_back({mount.target,
                        "tmpfs",
                        "tmpfs",
                        {"nosuid", "nodev", "noexec", fmt::format("mode={}", mount.mode),
                         fmt::format("size={}m", mount.size_mib)}});
    }
  }
  std::size_t number = 0;
  for (const SecretSpec& secret : container.spec.secrets) {
    mounts.push_back({target_of(secret),
                      "bind",
                      secrets / container.name.str() / std::to_string(number++),
                      {"bind", "rprivate", "nosuid", "nodev", "noexec", "ro"}});
  }
  std::stable_sort(mounts.begin(), mounts.end(),
                   [](const PlacedMount& one, const PlacedMount& other) {
                     return depth_of(one) < depth_of(other);
                   });
  for (const PlacedMount& mount : mounts) {
    spec.add_mount(mount.target, mount.type, mount.source, mount.options);
  }
}

}  // namespace drover::runtimes
