#include "agent/core/config/bus.h"

#include <cstdlib>
#include <utility>

#include "agent/core/config/paths.h"
#include "agent/core/ip_address.h"

namespace drover {

namespace {

BusTcp read_bus_tcp(const json::Value& value, std::string at, Faults& faults) {
  constexpr std::int64_t kLastPort = 65'535 - (kTcpPorts - 1);
  Fields fields(value, std::move(at), faults);
  BusTcp tcp;
  tcp.address = fields.string("address");
  if (!tcp.address.empty() && !is_address(tcp.address)) {
    fields.fault("address", "must be an IP address of this node, as 192.0.2.1, or ::");
  }
  tcp.port = fields.integer("port", tcp.port, 1, kLastPort);
  tcp.next_port = fields.integer("next_port", tcp.port + kTcpPorts, 1, kLastPort);
  if (std::abs(tcp.port - tcp.next_port) < kTcpPorts || tcp.next_port > kLastPort) {
    fields.fault("next_port", fmt::format("must be {} ports from `port`, in either direction, and "
                                          "at most {}",
                                          kTcpPorts, kLastPort));
  }
  fields.finish();
  return tcp;
}

}  // namespace

BusConfig read_bus_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  BusConfig bus;
  bus.folder = read_absolute(fields, "folder", {});
  bus.keys = read_absolute(fields, "keys", bus.keys);
  fields.object("tcp", [&](const json::Value& tcp, std::string where) {
    bus.tcp = read_bus_tcp(tcp, std::move(where), faults);
  });
  if (bus.keys.empty()) {
    fields.fault("keys", "must be the absolute path of a folder");
  }
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
