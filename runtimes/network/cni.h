// CNI: calls a network plugin as the Container Network Interface specification says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/system/file.h"
#include "agent/system/stop.h"

namespace drover::runtimes {

struct CniCall {
  std::string command;    ///< "ADD" or "DEL"
  std::string container;  ///< CNI_CONTAINERID
  system::Path netns;     ///< "" only for DEL, when the namespace is gone already
  std::string interface;  ///< inside
  json::Value config;     ///< with "type", the plugin's name
};

/// What a plugin answers to ADD, as far as it is used here.
struct CniResult {
  std::string host_interface;
  std::string mac;      ///< of the interface inside
  std::string address;  ///< CIDR, "" for none
  std::string gateway;
};

/// Finds the plugin in the folders, in order, and runs it. `not_found` when no folder has it; a
/// plugin's own error becomes `broken` with its message and details.
Result<json::Value> call_cni(const CniCall& call, const std::vector<system::Path>& folders,
                             const system::Stop& stop);

/// `broken` when the answer names no interface inside.
Result<CniResult> read_cni_result(const json::Value& answer);

}  // namespace drover::runtimes
