#include "agent/jobs/verbs/own_networks.h"

#include <algorithm>

#include "agent/core/ip_address.h"
#include "agent/jobs/container_record.h"
#include "agent/system/log.h"

namespace drover::jobs {

Result<std::map<std::string, std::vector<std::string>>> network_users(Journal& journal) {
  std::map<std::string, std::vector<std::string>> users;
  const std::vector<ContainerRow> rows = TRY(journal.containers());
  for (const ContainerRow& row : rows) {
    const ContainerRecord record = TRY(container_record_from(row.container));
    if (!record.container.spec.networks) {
      continue;
    }
    for (const NetworkSpec& network : *record.container.spec.networks) {
      std::vector<std::string>& names = users[network.bridge];
      if (names.empty() || names.back() != row.name) {
        names.push_back(row.name);
      }
    }
  }
  return users;
}

namespace {

/// The container's address on the bridge, chosen or given out.
bool has_address(const ContainerRecord& record, const std::string& bridge,
                 const std::string& address) {
  const auto is_it = [&](const auto& interface) {
    return interface.bridge == bridge && address_of(interface.address) == address;
  };
  const std::vector<NetworkSpec> chosen = networks_of(record);
  return std::any_of(chosen.begin(), chosen.end(), is_it) ||
         std::any_of(record.interfaces.begin(), record.interfaces.end(), is_it);
}

/// `conflict` when another container has the address that the interface shall have.
Result<> admit_address(Journal& journal, const std::string& container, const NetworkSpec& network) {
  const std::string address = address_of(network.address);
  const std::vector<ContainerRow> rows = TRY(journal.containers());
  for (const ContainerRow& row : rows) {
    const ContainerRecord record = TRY(container_record_from(row.container));
    if (row.name != container && has_address(record, network.bridge, address)) {
      return fail(Code::conflict,
                  "container {}: container {} has address {} on bridge {}; choose another, or "
                  "delete that one before",
                  container, row.name, address, network.bridge);
    }
  }
  return {};
}

}  // namespace

Result<> admit_networks(Journal& journal, const std::string& container, const ContainerSpec& spec) {
  if (!spec.networks) {
    return {};
  }
  for (const NetworkSpec& network : *spec.networks) {
    const std::optional<NetworkRow> row = TRY(journal.network(network.bridge));
    if (row && !row->busy.empty()) {
      return fail(Code::unavailable, "container {}: job {} works on network {}", container,
                  row->busy, row->name);
    }
    if (!network.address.empty()) {
      TRY(admit_address(journal, container, network));
    }
  }
  return {};
}

runtimes::OwnBridge bridge_of(const NetworkRow& row) {
  return {row.name, row.address, row.vlan_aware};
}

void restore_networks(Journal& journal, const Node& node) {
  const Result<std::vector<NetworkRow>> rows = journal.networks();
  if (!rows) {
    system::log_error("make the node's networks again: {}", rows.error().message);
    return;
  }
  const system::Stop never;
  for (const NetworkRow& row : *rows) {
    if (!row.busy.empty()) {
      continue;  // its job is gone on with
    }
    node.networks.give_out(runtimes::range_of(bridge_of(row)));
    if (const Result<> made = runtimes::make_bridge(bridge_of(row), never); !made) {
      system::log_error("network {}: {}", row.name, made.error().message);
    }
  }
}

namespace {

/// The network's job ends, and the network stays: also one that could not be brought to what it is
/// to be, so that `drover network` can make it so or remove it. Returns `outcome`.
Result<> let_go(Work& work, NetworkRow row, Result<> outcome) {
  TRY(work.agent_stop().check("take back network " + row.name));
  row.busy.clear();
  TRY(work.write([&](Books& books) { return books.journal().put_network(row); }));
  return outcome;
}

}  // namespace

Result<> undo_network(Work& work, const Node& node) {
  const std::string job = work.request().id.str();
  std::optional<NetworkRow> row;
  TRY(work.write([&](Books& books) -> Result<> {
    row = TRY(books.journal().network(work.request().target));
    return {};
  }));
  if (!row || row->busy != job) {
    return {};
  }
  if (row->job == job) {
    // A lost journal knows nothing of a bridge of ours that containers are on already.
    std::map<std::string, std::vector<std::string>> users;
    TRY(work.write([&](Books& books) -> Result<> {
      users = TRY(network_users(books.journal()));
      return {};
    }));
    if (users.contains(row->name)) {
      return work.write([&](Books& books) { return books.journal().erase_network(row->name); });
    }
    Result<> removed = runtimes::remove_bridge(row->name, work.agent_stop());
    if (removed) {
      removed = node.networks.give_out_no_more(row->name);
    }
    if (removed) {
      return work.write([&](Books& books) { return books.journal().erase_network(row->name); });
    }
    return let_go(work, std::move(*row), std::move(removed));
  }
  // It was to be removed, and is perhaps half gone.
  node.networks.give_out(runtimes::range_of(bridge_of(*row)));
  return let_go(work, *row, runtimes::make_bridge(bridge_of(*row), work.agent_stop()));
}

}  // namespace drover::jobs
