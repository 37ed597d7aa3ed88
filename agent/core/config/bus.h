// The configuration's section "bus".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "agent/core/fields.h"

namespace drover {

using std::filesystem::path;

/// Section "bus.tcp": where others than this node's root are served, by keys.
struct BusTcp {
  std::string address;         ///< of the node; "": only this node's own sockets are bound
  std::int64_t port = 7117;    ///< jobs; four more follow: query, events, streams, admin
  std::int64_t next_port = 0;  ///< the same five with the next key; set in any case once read
};

/// How many ports follow each other.
inline constexpr std::int64_t kTcpPorts = 5;

/// Section "bus".
struct BusConfig {
  path folder;                     ///< "" for RUN/bus
  path keys = "/etc/drover/keys";  ///< of the node and of those who may come over tcp
  BusTcp tcp;
  std::string front_user = "drover-front";
  path front_program;           ///< "" for the installed one
  path lxc_program;             ///< "" for the installed one
  path exec_program;            ///< "" for the installed one
  path storage_program;         ///< "" for the installed one
  std::int64_t queue = 10'000;  ///< jobs waiting; beyond it the answer is busy
  std::int64_t queue_mib = 64;  ///< their requests' sizes together; beyond it the same
};

/// The section, with every fault in it and its pointer below `at`.
BusConfig read_bus_section(const json::Value& value, std::string at, Faults& faults);

}  // namespace drover
