#include "agent/core/config/container.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/core/config/paths.h"

namespace drover {
namespace {

/// Of each container, 0 to nobody (65534) and beyond.
constexpr std::int64_t kUsersOfRange = 65536;
/// The highest id is nobody's (user_namespaces(7)).
constexpr std::int64_t kUserAfterLast = 4294967295;

}  // namespace

ContainerConfig read_container_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  ContainerConfig container;
  container.default_image = fields.string("default_image");
  container.image_folders = read_folders(fields, "image_folders", {});
  container.memory_mib = fields.integer("memory_mib", 0, 0, std::int64_t{64} << 20);
  container.pids = fields.integer("pids", container.pids, 1, 4194304);
  container.first_user =
      fields.integer("first_user", container.first_user, kUsersOfRange, kUserAfterLast - 1);
  const std::int64_t most = (kUserAfterLast - container.first_user) / kUsersOfRange;
  if (most < 1) {
    fields.fault("first_user", fmt::format("must leave room for {} ids up to {}", kUsersOfRange,
                                           kUserAfterLast - 1));
  }
  container.user_ranges =
      fields.integer("user_ranges", std::clamp<std::int64_t>(most, 1, container.user_ranges), 1,
                     std::max<std::int64_t>(most, 1));
  fields.finish();
  return container;
}

}  // namespace drover
