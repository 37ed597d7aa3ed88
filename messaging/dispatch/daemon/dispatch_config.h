// DispatchConfig: what the admin of a dispatcher decided: dispatch.json.
//
// The file is JSON with comments. Every member has a default, so {} is a whole configuration, by
// which this machine's root alone is served: agents come over tcp only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "agent/core/config/etcd.h"
#include "agent/core/result.h"

namespace drover::dispatch {

/// Ports that follow each other: agents, clients, events.
inline constexpr std::int64_t kDispatchPorts = 3;

struct DispatchConfig {
  std::string name;  ///< "" for the host's; the first part of its own events' topics
  std::filesystem::path keys = "/etc/drover/dispatch/keys";
  std::filesystem::path folder = "/run/drover-dispatch/bus";  ///< of the sockets
  std::filesystem::path state_folder = "/var/lib/drover-dispatch";
  std::string user = "drover-dispatch";  ///< all but the reading of keys is done as
  std::string log_level = "info";
  struct Tcp {
    std::string address;  ///< of this machine; "": nothing is served over tcp
    std::int64_t port = 7130;
    std::int64_t next_port = 0;  ///< the same three with the next key; set in any case once read
  } tcp;
  /// Where batches are kept; without endpoints in a file of the state folder. Its key and
  /// certificates are read as `user`. A password, whose file is root's, there cannot be.
  EtcdConfig etcd;
};

/// `invalid` with every fault, each with its line and pointer.
Result<DispatchConfig> parse_dispatch_config(std::string_view text);

}  // namespace drover::dispatch
