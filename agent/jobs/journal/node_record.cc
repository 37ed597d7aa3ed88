#include "agent/jobs/journal/node_record.h"

#include <algorithm>

#include "agent/jobs/journal/sealed_record.h"

namespace drover::jobs {

Result<NodeRecord> node_record(Journal& journal) {
  NodeRecord record;
  record.drained = TRY(drained(journal));
  record.networks = TRY(journal.networks());
  std::erase_if(record.networks, [](const NetworkRow& row) { return !row.busy.empty(); });
  return record;
}

std::string seal(const NodeRecord& record) {
  json::Value drained;
  if (record.drained) {
    drained = json::Object{{"since", record.drained->since_unix_ms}, {"job", record.drained->job}};
  }
  json::Array networks;
  for (const NetworkRow& row : record.networks) {
    networks.emplace_back(json::Object{{"name", row.name},
                                       {"address", row.address},
                                       {"vlan_aware", row.vlan_aware},
                                       {"by_proxmox", row.by_proxmox},
                                       {"zone", row.zone},
                                       {"tag", row.tag},
                                       {"snat", row.snat},
                                       {"addresses_elsewhere", row.addresses_elsewhere},
                                       {"job", row.job},
                                       {"created_at", row.created_at}});
  }
  return seal_json({{"drained", std::move(drained)}, {"networks", std::move(networks)}});
}

Result<NodeRecord> unseal_node_record(std::string_view text) {
  const json::Value value = TRY(unseal_json(text));
  NodeRecord record;
  if (const json::Value& drained = value.at("drained"); !drained.is_null()) {
    record.drained =
        Drained{drained.at("since").integer_or(0), std::string(drained.at("job").string_or(""))};
  }
  if (const json::Array* networks = value.at("networks").array()) {
    for (const json::Value& network : *networks) {
      record.networks.push_back(
          {.name = std::string(network.at("name").string_or("")),
           .address = std::string(network.at("address").string_or("")),
           .vlan_aware = network.at("vlan_aware").boolean_or(false),
           .by_proxmox = network.at("by_proxmox").boolean_or(false),
           .job = std::string(network.at("job").string_or("")),
           .created_at = network.at("created_at").integer_or(0),
           .zone = std::string(network.at("zone").string_or("")),
           .tag = network.at("tag").integer_or(0),
           .snat = network.at("snat").boolean_or(false),
           .addresses_elsewhere = network.at("addresses_elsewhere").boolean_or(false)});
    }
  }
  return record;
}

}  // namespace drover::jobs
