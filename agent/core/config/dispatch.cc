#include "agent/core/config/dispatch.h"

#include <algorithm>
#include <utility>

#include "agent/core/allow_list.h"
#include "agent/core/ip_address.h"

namespace drover {
namespace {

constexpr std::size_t kMostDispatchServers = 16;

DispatchServer read_server(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  DispatchServer server;
  fields.require("address");
  server.address = fields.string("address");
  if (fields.has("address") && !is_address(server.address)) {
    fields.fault("address", "must be an IP address, as 192.0.2.9");
  }
  server.port = fields.integer("port", server.port, 1, 65'535);
  fields.require("key");
  server.key = fields.string("key");
  if (fields.has("key") && !KeyName::parse(server.key)) {
    fields.fault("key", "must be the name of a key in the node's allow list");
  }
  fields.finish();
  return server;
}

}  // namespace

std::vector<DispatchServer> read_dispatch_servers(Fields& fields, Faults& faults) {
  std::vector<DispatchServer> servers;
  fields.each("servers", kMostDispatchServers, [&](const json::Value& value, std::string at) {
    DispatchServer server = read_server(value, std::move(at), faults);
    const bool is_twice = std::any_of(servers.begin(), servers.end(), [&](const auto& other) {
      return other.address == server.address && other.port == server.port;
    });
    if (is_twice) {
      fields.fault("servers",
                   fmt::format("must not have {} port {} twice", server.address, server.port));
    }
    servers.push_back(std::move(server));
  });
  return servers;
}

DispatchConfig read_dispatch_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  DispatchConfig dispatch;
  dispatch.servers = read_dispatch_servers(fields, faults);
  fields.finish();
  return dispatch;
}

json::Value to_json(const std::vector<DispatchServer>& servers) {
  json::Array array;
  for (const DispatchServer& server : servers) {
    array.emplace_back(
        json::Object{{"address", server.address}, {"port", server.port}, {"key", server.key}});
  }
  return array;
}

}  // namespace drover
