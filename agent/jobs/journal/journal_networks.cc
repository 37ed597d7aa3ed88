// The journal's networks.
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/journal/rows.h"

namespace drover::jobs {
namespace {

constexpr std::string_view kNetworks =
    "SELECT name, address, vlan_aware, by_proxmox, job, busy, created_at, zone, tag, "
    "snat, addresses_elsewhere FROM networks ";

NetworkRow network_of(const Statement& row) {
  return NetworkRow{row.text(0),   row.text(1),        row.number(2) != 0, row.number(3) != 0,
                    row.text(4),   row.text(5),        row.number(6),      row.text(7),
                    row.number(8), row.number(9) != 0, row.number(10) != 0};
}

}  // namespace

Result<> Journal::put_network(const NetworkRow& row) {
  TRY(database_->begin());
  Statement put = TRY(database_->prepare(
      "INSERT OR REPLACE INTO networks(name, address, vlan_aware, by_proxmox, job, busy, "
      "created_at, zone, tag, snat, addresses_elsewhere) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  put.with(row.name).with(row.address).with(std::int64_t{row.vlan_aware ? 1 : 0});
  put.with(std::int64_t{row.by_proxmox ? 1 : 0});
  put.with(row.job).with(row.busy).with(row.created_at).with(row.zone).with(row.tag);
  put.with(std::int64_t{row.snat ? 1 : 0});
  return put.with(std::int64_t{row.addresses_elsewhere ? 1 : 0}).done();
}

Result<> Journal::erase_network(const std::string& name) {
  TRY(database_->begin());
  Statement erase = TRY(database_->prepare("DELETE FROM networks WHERE name = ?"));
  return erase.with(name).done();
}

Result<std::optional<NetworkRow>> Journal::network(const std::string& name) {
  Statement query = TRY(database_->prepare(selecting(kNetworks, "WHERE name = ?").c_str()));
  return first_row(query.with(name), network_of);
}

Result<std::vector<NetworkRow>> Journal::networks(const std::string& after) {
  Statement query =
      TRY(database_->prepare(selecting(kNetworks, "WHERE name > ? ORDER BY name").c_str()));
  return all_rows(query.with(after), network_of);
}

}  // namespace drover::jobs
