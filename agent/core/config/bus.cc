#include "agent/core/config/bus.h"

#include <utility>

#include "agent/core/config/paths.h"

namespace drover {

BusConfig read_bus_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  BusConfig bus;
  bus.folder = read_absolute(fields, "folder", {});
  bus.front_user = fields.string("front_user", bus.front_user);
  if (bus.front_user.empty()) {
    fields.fault("front_user", "must name a user");
  }
  bus.front_program = read_absolute(fields, "front_program", {});
  bus.lxc_program = read_absolute(fields, "lxc_program", {});
  bus.exec_program = read_absolute(fields, "exec_program", {});
  bus.storage_program = read_absolute(fields, "storage_program", {});
  bus.queue = fields.integer("queue", bus.queue, 1, 1'000'000);
  bus.queue_mib = fields.integer("queue_mib", bus.queue_mib, 1, 65'536);
  fields.finish();
  return bus;
}

}  // namespace drover
