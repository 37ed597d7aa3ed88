#include "agent/jobs/queries/queries.h"
#include "agent/jobs/verbs/own_networks.h"

namespace drover::jobs {

Result<json::Value> Queries::networks(const json::Value& question) {
  const std::string after = TRY(after_which(question));
  const std::vector<NetworkRow> rows = TRY(journal_.networks(after));
  auto users = TRY(network_users(journal_));
  return page_of("networks", rows, [&users](const NetworkRow& row) -> Result<json::Object> {
    const std::vector<std::string>& names = users[row.name];
    const runtimes::BridgeState state = TRY(state_of(row));
    return json::Object{{"name", row.name},
                        {"state", runtimes::to_string(state)},
                        {"address", row.address},
                        {"vlan_aware", row.vlan_aware},
                        {"by_proxmox", row.by_proxmox},
                        {"zone", row.zone},
                        {"tag", row.tag},
                        {"snat", row.snat},
                        {"job", row.job},
                        {"created_at", row.created_at},
                        {"busy", row.busy},
                        {"containers", json::Array(names.begin(), names.end())}};
  });
}

}  // namespace drover::jobs
