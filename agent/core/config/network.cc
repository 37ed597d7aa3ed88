#include "agent/core/config/network.h"

#include <utility>

#include "agent/core/config/paths.h"

namespace drover {

NetworkConfig read_network_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  NetworkConfig network;
  network.default_bridge = fields.string("default_bridge");
  network.plugin_folders = read_folders(fields, "plugin_folders", network.plugin_folders);
  constexpr std::size_t kMostRanges = 1000;
  fields.each("ranges", kMostRanges, [&](const json::Value& element, std::string where) {
    Fields range(element, std::move(where), faults);
    range.require("bridge");
    range.require("subnet");
    NetworkConfig::Range made{range.string("bridge"), range.string("subnet"), range.string("first"),
                              range.string("last"), range.string("gateway")};
    range.finish();
    network.ranges.push_back(std::move(made));
  });
  fields.finish();
  return network;
}

}  // namespace drover
