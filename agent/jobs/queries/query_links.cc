#include <set>

#include "agent/jobs/queries/queries.h"
#include "agent/jobs/reconcile/link_watch.h"

namespace drover::jobs {

Result<json::Value> Queries::links(const json::Value& question) {
  const std::string after = TRY(after_which(question));
  if (node_.links == nullptr) {
    return fail(Code::refused,
                "list bridges and bonds: this node works without Proxmox, whose configuration that "
                "is; `ip -d link` shows what is there");
  }
  const LinkWatch::Seen seen = node_.links->seen();
  if (seen.at == 0) {
    return fail(Code::unavailable, "list bridges and bonds: {}",
                seen.blind.empty() ? "Proxmox was not asked yet" : seen.blind);
  }
  const std::vector<NetworkRow> networks = TRY(journal_.networks(""));
  std::set<std::string> own;
  for (const NetworkRow& network : networks) {
    own.insert(network.name);
  }
  std::vector<proxmox::NodeLink> rows;
  for (const proxmox::NodeLink& link : seen.links) {
    if (link.name > after) {
      rows.push_back(link);
    }
  }
  return page_of("links", rows, [&](const proxmox::NodeLink& link) -> Result<json::Object> {
    return json::Object{{"name", link.name},
                        {"type", link.type},
                        {"active", link.active},
                        {"address", link.cidr},
                        {"vlan_aware", link.vlan_aware},
                        {"mode", link.mode.empty() ? json::Value() : json::Value(link.mode)},
                        {"ports", json::Array(link.ports.begin(), link.ports.end())},
                        {"own", own.contains(link.name)},
                        {"seen_at", seen.at},
                        {"message", seen.blind.empty() ? json::Value() : json::Value(seen.blind)}};
  });
}

}  // namespace drover::jobs
