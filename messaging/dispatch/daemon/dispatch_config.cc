#include "messaging/dispatch/daemon/dispatch_config.h"

#include <cstdlib>
#include <utility>

#include "agent/core/config/paths.h"
#include "agent/core/fields.h"
#include "agent/core/ids.h"
#include "agent/core/ip_address.h"

namespace drover::dispatch {
namespace {

DispatchConfig::Tcp read_tcp(const json::Value& value, std::string at, Faults& faults) {
  constexpr std::int64_t kLastPort = 65'535 - (kDispatchPorts - 1);
  Fields fields(value, std::move(at), faults);
  DispatchConfig::Tcp tcp;
  tcp.address = fields.string("address");
  if (!tcp.address.empty() && !is_address(tcp.address)) {
    fields.fault("address", "must be an IP address of this machine, as 192.0.2.1, or ::");
  }
  tcp.port = fields.integer("port", tcp.port, 1, kLastPort);
  tcp.next_port = fields.integer("next_port", tcp.port + kDispatchPorts, 1, kLastPort);
  if (std::abs(tcp.port - tcp.next_port) < kDispatchPorts || tcp.next_port > kLastPort) {
    fields.fault("next_port", fmt::format("must be {} ports from `port`, in either direction, and "
                                          "at most {}",
                                          kDispatchPorts, kLastPort));
  }
  fields.finish();
  return tcp;
}

}  // namespace

Result<DispatchConfig> parse_dispatch_config(std::string_view text) {
  const json::Value document = TRY(json::parse(text, {.comments = true}));
  Faults faults(text);
  Fields fields(document, "", faults);
  DispatchConfig config;
  config.name = fields.string("name");
  if (!config.name.empty() && !NodeName::parse(config.name)) {
    fields.fault("name", "must be a name as nodes have it");
  }
  config.keys = read_absolute(fields, "keys", config.keys);
  config.folder = read_absolute(fields, "folder", config.folder);
  config.state_folder = read_absolute(fields, "state_folder", config.state_folder);
  config.user = fields.string("user", config.user);
  if (config.user.empty()) {
    fields.fault("user", "must name a user");
  }
  config.log_level =
      fields.one_of("log_level", config.log_level, {"debug", "info", "warning", "error"});
  fields.object("tcp", [&](const json::Value& tcp, std::string at) {
    config.tcp = read_tcp(tcp, std::move(at), faults);
  });
  fields.object("etcd", [&](const json::Value& etcd, std::string at) {
    config.etcd = read_etcd_section(etcd, std::move(at), faults);
  });
  if (!config.etcd.user.empty()) {
    fields.fault("etcd", "a dispatcher has no user of etcd: its certificate says who it is");
  }
  fields.finish();
  TRY(faults.result("the configuration has faults"));
  return config;
}

}  // namespace drover::dispatch
