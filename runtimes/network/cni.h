// CNI: calls a network plugin as the Container Network Interface specification (1.0) says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/system/file.h"
#include "agent/system/stop.h"

namespace drover::runtimes {

struct CniCall {
  std::string command;    ///< "ADD", "DEL", "CHECK" or "VERSION"
  std::string container;  ///< CNI_CONTAINERID
  system::Path netns;     ///< "" only for DEL, when the namespace is gone already
  std::string interface;  ///< inside
  json::Value config;     ///< with "type", the plugin's name
};

/// What a plugin answers to ADD, as far as it is used here.
struct CniResult {
  std::string host_interface;  ///< "" of a plugin that makes no veth
  std::string mac;             ///< of the interface inside
  std::string address;         ///< CIDR, "" for none
  std::string gateway;
};

/// The program of that name in the folders, in order. `not_found` when no folder has it.
Result<system::Path> find_plugin(std::string_view type, const std::vector<system::Path>& folders);

/// Finds the plugin and runs it. A plugin's own error becomes `broken` with its message and
/// details, and `unavailable` where it says that another time it may do (code 11).
Result<json::Value> call_cni(const CniCall& call, const std::vector<system::Path>& folders,
                             const system::Stop& stop);

/// `broken` when the answer names no interface inside.
Result<CniResult> read_cni_result(const json::Value& answer);
/// The same answer of a plugin whose veth has another name on the node now.
json::Value with_host_interface(json::Value answer, const std::string& name);

}  // namespace drover::runtimes
