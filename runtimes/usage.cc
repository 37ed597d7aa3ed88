#include "runtimes/usage.h"

#include <initializer_list>
#include <string_view>
#include <utility>

namespace drover::runtimes {
namespace {

using NamedCount = std::pair<std::string_view, Count>;

json::Object known_of(std::initializer_list<NamedCount> counts) {
  json::Object object;
  for (const auto& [name, count] : counts) {
    if (count) {
      object.set(name, *count);
    }
  }
  return object;
}

json::Object interface_json(const InterfaceUsage& one) {
  return {{"interface", one.interface},   {"rx_bytes", one.rx_bytes},
          {"rx_packets", one.rx_packets}, {"rx_errors", one.rx_errors},
          {"rx_dropped", one.rx_dropped}, {"tx_bytes", one.tx_bytes},
          {"tx_packets", one.tx_packets}, {"tx_errors", one.tx_errors},
          {"tx_dropped", one.tx_dropped}};
}

}  // namespace

json::Object to_json(const Usage& usage) {
  json::Object cpu = known_of({{"usage_ns", usage.cpu.usage_ns},
                               {"user_ns", usage.cpu.user_ns},
                               {"system_ns", usage.cpu.system_ns},
                               {"periods", usage.cpu.periods},
                               {"throttled_periods", usage.cpu.throttled_periods},
                               {"throttled_ns", usage.cpu.throttled_ns}});
  if (usage.cpu.limit_cores) {
    cpu.set("limit_cores", *usage.cpu.limit_cores);
  }
  json::Object all{
      {"cpu", std::move(cpu)},
      {"memory", known_of({{"usage_bytes", usage.memory.usage_bytes},
                           {"working_set_bytes", usage.memory.working_set_bytes},
                           {"limit_bytes", usage.memory.limit_bytes},
                           {"peak_bytes", usage.memory.peak_bytes},
                           {"oom_kills", usage.memory.oom_kills}})},
      {"swap", known_of({{"usage_bytes", usage.swap.usage_bytes},
                         {"limit_bytes", usage.swap.limit_bytes}})},
      {"pids", known_of({{"current", usage.pids.current}, {"limit", usage.pids.limit}})},
      {"io", known_of({{"read_bytes", usage.io.read_bytes},
                       {"write_bytes", usage.io.write_bytes},
                       {"reads", usage.io.reads},
                       {"writes", usage.io.writes}})}};
  if (usage.networks) {
    json::Array networks;
    for (const InterfaceUsage& one : *usage.networks) {
      networks.emplace_back(interface_json(one));
    }
    all.set("networks", std::move(networks));
  }
  return all;
}

}  // namespace drover::runtimes
