#include "agent/jobs/maintenance.h"

namespace drover::jobs {
namespace {

constexpr const char* kMaintenanceFact = "maintenance";

}  // namespace

Result<std::optional<Maintenance>> maintenance(Journal& journal) {
  const std::string fact = TRY(journal.fact(kMaintenanceFact));
  if (fact.empty()) {
    return std::optional<Maintenance>();
  }
  const json::Value value = TRY(json::parse(fact));
  return std::optional<Maintenance>(
      Maintenance{value.at("since").integer_or(0), std::string(value.at("node").string_or(""))});
}

Result<> set_maintenance(Journal& journal, const std::optional<Maintenance>& maintenance) {
  return journal.set_fact(kMaintenanceFact, maintenance ? json::write(json::Object{
                                                              {"since", maintenance->since_unix_ms},
                                                              {"node", maintenance->node}})
                                                        : "");
}

std::string command_to_end(const Maintenance& maintenance) {
  return "ha-manager crm-command node-maintenance disable " + maintenance.node;
}

}  // namespace drover::jobs
