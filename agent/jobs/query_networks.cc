#include "agent/jobs/own_networks.h"
#include "agent/jobs/page.h"
#include "agent/jobs/queries.h"

namespace drover::jobs {

Result<json::Value> Queries::networks(const json::Value& question) {
  const std::string after = TRY(after_which(question));
  const std::vector<NetworkRow> rows = TRY(journal_.networks(after));
  auto users = TRY(network_users(journal_));
  Page page;
  bool whole = true;
  for (auto row = rows.begin(); whole && row != rows.end(); ++row) {
    const std::vector<std::string>& names = users[row->name];
    whole = page.add(json::Object{{"name", row->name},
                                  {"address", row->address},
                                  {"vlan_aware", row->vlan_aware},
                                  {"job", row->job},
                                  {"created_at", row->created_at},
                                  {"busy", row->busy},
                                  {"containers", json::Array(names.begin(), names.end())}});
  }
  return json::Value(json::Object{{"node", node_.name},
                                  {"epoch", journal_.epoch()},
                                  {"seq", journal_.head()},
                                  {"whole", whole},
                                  {"networks", page.take()}});
}

}  // namespace drover::jobs
