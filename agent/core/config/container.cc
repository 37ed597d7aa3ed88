#include "agent/core/config/container.h"

#include <utility>

#include "agent/core/config/paths.h"

namespace drover {

ContainerConfig read_container_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  ContainerConfig container;
  container.default_image = fields.string("default_image");
  container.image_folders = read_folders(fields, "image_folders", {});
  container.memory_mib = fields.integer("memory_mib", 0, 0, std::int64_t{64} << 20);
  container.pids = fields.integer("pids", container.pids, 1, 4194304);
  fields.finish();
  return container;
}

}  // namespace drover
