#include "runtimes/volume_targets.h"

#include <filesystem>
#include <string_view>

namespace drover::runtimes {
namespace {

bool is_in(std::string_view path, std::string_view folder) {
  return path == folder ||
         (path.starts_with(folder) && path.substr(folder.size()).starts_with('/'));
}

}  // namespace

Result<> check_volume_targets(const ContainerSpec& spec, RuntimeKind kind) {
  for (const VolumeSpec& volume : spec.volumes) {
    // The normal form of "/dev/" keeps its last slash.
    const std::string target =
        (std::filesystem::path(volume.target) / "").lexically_normal().parent_path();
    if (is_in(target, "/proc") || is_in(target, "/sys") || target == "/dev" || target == "/") {
      return fail(Code::refused, "volumes: {} cannot have a volume at {}", to_string(kind),
                  volume.target);
    }
  }
  return {};
}

}  // namespace drover::runtimes
