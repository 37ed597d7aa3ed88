#include "runtimes/volume_targets.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace drover::runtimes {
namespace {

bool is_in(std::string_view path, std::string_view folder) {
  return path == folder ||
         (path.starts_with(folder) && path.substr(folder.size()).starts_with('/'));
}

/// The root itself, and where the kernel's own files stand.
bool is_kernels(const std::string& place) {
  // The normal form of "/dev/" keeps its last slash.
  const std::string target = (std::filesystem::path(place) / "").lexically_normal().parent_path();
  return is_in(target, "/proc") || is_in(target, "/sys") || target == "/dev" || target == "/";
}

}  // namespace

Result<> check_volume_targets(const ContainerSpec& spec, RuntimeKind kind) {
  for (const VolumeSpec& volume : spec.volumes) {
    if (is_kernels(volume.target)) {
      return fail(Code::refused, "volumes: {} cannot have a volume at {}", to_string(kind),
                  volume.target);
    }
  }
  for (const SecretSpec& secret : spec.secrets) {
    if (is_kernels(target_of(secret))) {
      return fail(Code::refused, "secrets: {} cannot have a secret at {}", to_string(kind),
                  target_of(secret));
    }
  }
  for (const MountSpec& mount : spec.mounts) {
    if (is_kernels(mount.target)) {
      return fail(Code::refused, "mounts: {} cannot have a mount at {}", to_string(kind),
                  mount.target);
    }
  }
  return {};
}

}  // namespace drover::runtimes
