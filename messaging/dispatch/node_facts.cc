#include "messaging/dispatch/node_facts.h"

#include <cmath>
#include <utility>

#include "agent/core/fields.h"
#include "agent/core/ids.h"
#include "agent/core/json_members.h"

namespace drover::dispatch {
namespace {

constexpr std::size_t kMostContainersOfNode = 10'000;
constexpr std::int64_t kMostMib = std::int64_t{1} << 40;
constexpr double kMostCpus = 1'000'000;

json::Value names_of(const std::vector<std::string>& names) {
  return json::Array(names.begin(), names.end());
}

json::Object to_json(const ContainerFacts& container) {
  json::Object object{{"name", container.name}};
  if (!container.labels.empty()) {
    object.set("labels", object_of(container.labels));
  }
  set_unless_empty(object, "state", container.state);
  return object;
}

}  // namespace

std::optional<bool> read_quorate(Fields& fields) {
  const json::Value* quorate = fields.any("quorate");
  if (quorate == nullptr || quorate->is_null()) {
    return std::nullopt;
  }
  return fields.boolean("quorate", false);
}

Capacity read_capacity(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  Capacity capacity;
  capacity.milli_cpus = std::llround(fields.number("cpus", 0, 0, kMostCpus) * 1000);
  capacity.memory_mib = fields.integer("memory_mib", 0, 0, kMostMib);
  capacity.disk_mib = fields.integer("disk_mib", 0, 0, kMostMib);
  return capacity;
}

std::string_view to_string(Liveness liveness) {
  switch (liveness) {
    case Liveness::alive:
      return "alive";
    case Liveness::suspect:
      return "suspect";
    case Liveness::dead:
      break;
  }
  return "dead";
}

json::Object to_json(const Capacity& capacity) {
  json::Object object;
  if (capacity.milli_cpus != 0) {
    object.set("cpus", static_cast<double>(capacity.milli_cpus) / 1000);
  }
  if (capacity.memory_mib != 0) {
    object.set("memory_mib", capacity.memory_mib);
  }
  if (capacity.disk_mib != 0) {
    object.set("disk_mib", capacity.disk_mib);
  }
  return object;
}

Result<NodeFacts> read_node_facts(const json::Value& value) {
  Faults faults;
  Fields fields(value, "", faults);
  NodeFacts facts;
  facts.name = fields.string("node");
  if (const Result<NodeName> name = NodeName::parse(facts.name); !name) {
    fields.fault("node", name.error().message);
  }
  facts.labels = fields.strings_by_key("labels");
  fields.object("total", [&](const json::Value& total, std::string at) {
    facts.total = read_capacity(total, std::move(at), faults);
  });
  fields.object("reserved", [&](const json::Value& reserved, std::string at) {
    facts.reserved = read_capacity(reserved, std::move(at), faults);
  });
  facts.runtimes = fields.strings("runtimes");
  facts.storages = fields.strings("storages");
  facts.bridges = fields.strings("bridges");
  facts.drained = fields.boolean("drained", false);
  facts.quorate = read_quorate(fields);
  fields.each("containers", kMostContainersOfNode, [&](const json::Value& element, std::string at) {
    Fields container(element, std::move(at), faults);
    container.require("name");
    ContainerFacts read{container.string("name"), container.strings_by_key("labels"),
                        container.string("state")};
    facts.containers.push_back(std::move(read));
  });
  TRY(faults.result("what the node reports of itself is not understood"));
  return facts;
}

json::Value to_json(const NodeFacts& facts) {
  json::Array containers;
  for (const ContainerFacts& container : facts.containers) {
    containers.emplace_back(to_json(container));
  }
  return json::Object{{"node", facts.name},
                      {"labels", object_of(facts.labels)},
                      {"total", to_json(facts.total)},
                      {"reserved", to_json(facts.reserved)},
                      {"runtimes", names_of(facts.runtimes)},
                      {"storages", names_of(facts.storages)},
                      {"bridges", names_of(facts.bridges)},
                      {"drained", facts.drained},
                      {"quorate", facts.quorate ? json::Value(*facts.quorate) : json::Value()},
                      {"containers", std::move(containers)}};
}

}  // namespace drover::dispatch
