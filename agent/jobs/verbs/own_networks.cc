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
      if (network.bridge.empty()) {
        continue;  // it is on none
      }
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

/// `conflict` when another container publishes a port that this one is to publish.
Result<> admit_ports(Journal& journal, const std::string& container,
                     const std::vector<NetworkSpec>& networks) {
  std::vector<PublishedPort> ports;
  for (const NetworkSpec& network : networks) {
    ports.insert(ports.end(), network.ports.begin(), network.ports.end());
  }
  if (ports.empty()) {
    return {};
  }
  const std::vector<ContainerRow> rows = TRY(journal.containers());
  for (const ContainerRow& row : rows) {
    const ContainerRecord record = TRY(container_record_from(row.container));
    const std::vector<NetworkSpec> theirs =
        row.name == container ? std::vector<NetworkSpec>() : networks_of(record);
    for (const NetworkSpec& network : theirs) {
      for (const PublishedPort& held : network.ports) {
        const auto wanted =
            std::find_if(ports.begin(), ports.end(),
                         [&](const PublishedPort& port) { return collide(port, held); });
        if (wanted != ports.end()) {
          return fail(
              Code::conflict,
              "container {}: container {} publishes port {}, so {} is not to be had; choose "
              "another, or delete that one before",
              container, row.name, describe(held), describe(*wanted));
        }
      }
    }
  }
  return {};
}

}  // namespace

Result<> admit_networks(Journal& journal, const std::string& container, const ContainerSpec& spec) {
  if (!spec.networks) {
    return {};
  }
  TRY(admit_ports(journal, container, *spec.networks));
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

namespace {

runtimes::OwnBridge bridge_of(const NetworkRow& row) {
  return {row.name, row.address, row.vlan_aware};
}

/// `refused` when Proxmox has the network, and the node is no more one of Proxmox's.
Result<proxmox::NetworkConfiguration*> configuration_for(const Node& node, const NetworkRow& row) {
  if (node.network_configuration == nullptr) {
    return fail(Code::refused,
                "network {}: it is in Proxmox's configuration of the node, which Drover is not to "
                "use now: set proxmox.enabled, or strike it off by force and delete it there",
                row.name);
  }
  return node.network_configuration;
}

Result<proxmox::Vnets*> vnets_for(const Node& node, const NetworkRow& row) {
  if (node.vnets == nullptr) {
    return fail(Code::refused,
                "network {}: it is in Proxmox's zone {}, and Drover is not to use Proxmox now: set "
                "proxmox.enabled, or strike it off by force and delete it there",
                row.name, row.zone);
  }
  return node.vnets;
}

}  // namespace

namespace {

/// Named as those of guests and containers are; to a vnet its zone has plugged in others.
bool is_port_of_a_guest(const std::string& port) {
  return port.starts_with("veth") || port.starts_with("tap") || port.starts_with("fwpr");
}

/// On a bridge of Proxmox there may be guests that are not Drover's.
Result<> check_unused(const NetworkRow& row, const system::Stop& stop) {
  std::vector<std::string> ports = TRY(runtimes::ports_of_bridge(row.name, stop));
  if (!row.zone.empty()) {
    std::erase_if(ports, [](const std::string& port) { return !is_port_of_a_guest(port); });
  }
  if (ports.empty()) {
    return {};
  }
  return fail(Code::conflict,
              "remove network {}: plugged into it are {}; take the guests that have them off it "
              "before (drover leaks names what is left of containers)",
              row.name, fmt::join(ports, ", "));
}

}  // namespace

runtimes::BridgeRange range_of(const NetworkRow& row) {
  return row.addresses_elsewhere
             ? runtimes::range_of(runtimes::OwnBridge{row.name, "", row.vlan_aware})
             : runtimes::range_of(bridge_of(row));
}

NetworkRow row_of(const proxmox::Vnets::Known& known) {
  const proxmox::VnetRequest& vnet = known.vnet;
  return {.name = vnet.name,
          .address = vnet.address,
          .vlan_aware = vnet.vlan_aware,
          .by_proxmox = true,
          .zone = vnet.zone,
          .tag = vnet.tag,
          .snat = vnet.snat,
          .addresses_elsewhere = !known.gives_addresses};
}

std::string describe(const NetworkRow& row) {
  std::string text = fmt::format("address \"{}\"", row.address);
  if (!row.zone.empty()) {
    text += ", in zone " + row.zone;
  }
  if (row.tag != 0) {
    text += fmt::format(" with tag {}", row.tag);
  }
  return text + (row.snat ? ", SNAT" : "") + (row.vlan_aware ? " and VLANs" : "");
}

Result<> make_network(const Node& node, const NetworkRow& row, const system::Stop& stop,
                      const std::function<Result<>()>& begins) {
  if (!row.by_proxmox) {
    return runtimes::make_bridge(bridge_of(row), stop);
  }
  if (!row.zone.empty()) {
    proxmox::Vnets* const vnets = TRY(vnets_for(node, row));
    return vnets->make({row.name, row.zone, row.tag, row.address, row.snat, row.vlan_aware}, stop,
                       begins);
  }
  proxmox::NetworkConfiguration* const configuration = TRY(configuration_for(node, row));
  TRY(configuration->make_bridge({row.name, row.address, row.vlan_aware}, stop));
  return runtimes::keep_hardware_address(row.name, stop);
}

Result<> unmake_network(const Node& node, const NetworkRow& row, const system::Stop& stop) {
  if (!row.by_proxmox) {
    return runtimes::remove_bridge(row.name, stop);
  }
  if (TRY(state_of(row)) != runtimes::BridgeState::missing) {
    TRY(check_unused(row, stop));
  }
  if (!row.zone.empty()) {
    proxmox::Vnets* const vnets = TRY(vnets_for(node, row));
    return vnets->remove(row.name, stop);
  }
  proxmox::NetworkConfiguration* const configuration = TRY(configuration_for(node, row));
  return configuration->remove_bridge(row.name, stop);
}

std::optional<Scarce> turn_of_network(const NetworkRow& row) {
  // Proxmox applies whatever is written, so one writes and applies after the other.
  return row.by_proxmox ? std::optional(Scarce{"network configuration"}) : std::nullopt;
}

Result<runtimes::BridgeState> state_of(const NetworkRow& row) {
  return row.by_proxmox ? runtimes::state_of_others_bridge(row.name)
                        : runtimes::state_of_bridge(row.name);
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
    node.networks.give_out(range_of(row));
    // Proxmox has made its own before us, and of vnets it has chosen that address, too.
    const Result<> made = !row.zone.empty() ? Result<>()
                          : row.by_proxmox  ? runtimes::keep_hardware_address(row.name, never)
                                            : make_network(node, row, never);
    if (!made) {
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
    const Turns::Turn turn = TRY(work.take_turn(turn_of_network(*row), work.agent_stop()));
    Result<> removed = unmake_network(node, *row, work.agent_stop());
    const bool can_ask = !row->by_proxmox || node.network_configuration != nullptr;
    if (!removed && removed.error().code == Code::refused && can_ask) {
      removed = {};  // what has that name is somebody else's
    }
    if (removed) {
      removed = node.networks.give_out_no_more(row->name);
    }
    if (removed) {
      return work.write([&](Books& books) { return books.journal().erase_network(row->name); });
    }
    return let_go(work, std::move(*row), std::move(removed));
  }
  if (work.request().verb == Verb::network_ensure && !row->zone.empty()) {
    // This job has written nothing: what is there by now is another node's, perhaps in use. Of a
    // lock that it has left the reconciler sees to what fails here.
    if (node.vnets != nullptr) {
      [[maybe_unused]] const Result<> freed = node.vnets->free_lock(work.agent_stop());
    }
    return work.write([&](Books& books) { return books.journal().erase_network(row->name); });
  }
  // It was to be removed, and is perhaps half gone.
  node.networks.give_out(range_of(*row));
  const Turns::Turn turn = TRY(work.take_turn(turn_of_network(*row), work.agent_stop()));
  return let_go(work, *row, make_network(node, *row, work.agent_stop()));
}

}  // namespace drover::jobs
