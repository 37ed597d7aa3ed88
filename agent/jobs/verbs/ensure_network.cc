#include "agent/core/ip_address.h"
#include "agent/jobs/container_record.h"
#include "agent/jobs/verbs/own_networks.h"
#include "agent/jobs/verbs/verbs.h"
#include "runtimes/network/node_routes.h"

namespace drover::jobs {
namespace {

bool asks_for_something(const JobOptions& options) {
  return !options.address.empty() || options.vlan_aware || !options.zone.empty();
}

/// Of one that this node has made before: fine as it is, unless the job wants another.
Result<> check_same(const JobRequest& request, const NetworkRow& row) {
  const JobOptions& options = request.options;
  if (!row.busy.empty()) {
    return fail(Code::unavailable, "ensure network {}: job {} works on it", row.name, row.busy);
  }
  const bool is_same = options.address == row.address && options.vlan_aware == row.vlan_aware &&
                       options.zone == row.zone && options.tag == row.tag &&
                       options.snat == row.snat;
  if (asks_for_something(options) && !is_same) {
    return fail(Code::conflict,
                "ensure network {}: it is there with {}; remove it before, or choose another name",
                row.name, describe(row));
  }
  return {};
}

/// `conflict` when another network of this node has addresses of the same subnet.
Result<> check_subnet(Journal& journal, const JobRequest& request) {
  const std::vector<NetworkRow> rows = TRY(journal.networks());
  for (const NetworkRow& other : rows) {
    if (overlap(request.options.address, other.address)) {
      return fail(Code::conflict,
                  "ensure network {}: {} is in the subnet of network {}, {}; choose another",
                  request.target, request.options.address, other.name, other.address);
    }
  }
  return {};
}

/// On a node of Proxmox containers are put on its bridges only: another would be of no use to them.
Result<> check_on_proxmox(Work& work, const Node& node) {
  if (node.proxmox_network == nullptr) {
    return {};
  }
  const std::string& name = work.request().target;
  const Result<proxmox::Bridge> bridge = node.proxmox_network->require_bridge(name, work.stop());
  if (bridge) {
    return {};
  }
  if (bridge.error().code != Code::not_found) {
    return Failure(bridge.error());
  }
  return fail(
      Code::refused,
      "ensure network {}: there is a bridge of that name that neither Drover nor Proxmox has "
      "made; it is left as it is, and no container is put on it: make it Proxmox's (System, "
      "Network), or choose another name",
      name);
}

struct Configured {
  NetworkRow row;
  bool ours = false;
};

/// What is configured by the job's name on a node of Proxmox, or in its cluster; none on any other.
Result<std::optional<Configured>> look_in_proxmox(Work& work, const Node& node) {
  const std::string& name = work.request().target;
  if (node.vnets != nullptr && proxmox::check_vnet_name(name)) {
    const std::optional<proxmox::Vnets::Known> known = TRY(node.vnets->look_at(name, work.stop()));
    if (known) {
      return std::optional(Configured{row_of(*known), known->ours});
    }
  }
  if (node.network_configuration == nullptr) {
    return std::optional<Configured>();
  }
  const auto known = TRY(node.network_configuration->look_at(name, work.stop()));
  if (!known) {
    return std::optional<Configured>();
  }
  const proxmox::BridgeRequest& bridge = known->bridge;
  return std::optional(Configured{{.name = bridge.name,
                                   .address = bridge.cidr,
                                   .vlan_aware = bridge.vlan_aware,
                                   .by_proxmox = true},
                                  known->ours});
}

/// Of one that the journal does not know and that is not ours in Proxmox: whether there is a bridge
/// of somebody else, which will do.
Result<bool> look_for_other(Work& work, const Node& node, bool is_configured) {
  const JobRequest& request = work.request();
  const std::string what = "ensure network " + request.target;
  const bool on_proxmox = node.network_configuration != nullptr;
  switch (TRY(runtimes::look_at_bridge(request.target))) {
    case runtimes::BridgeKind::other:
      if (asks_for_something(request.options)) {
        return fail(Code::refused,
                    "{}: there is a bridge of that name that is not Drover's; it is left as it is, "
                    "so give no options, or choose another name",
                    what);
      }
      TRY(check_on_proxmox(work, node));
      return true;
    case runtimes::BridgeKind::no_bridge:
      return fail(Code::conflict, "{}: there is an interface of that name that is no bridge", what);
    case runtimes::BridgeKind::ours:
      if (on_proxmox) {
        return fail(Code::conflict,
                    "{}: there is a bridge of that name that Drover made when this was no node of "
                    "Proxmox; delete it by hand (ip link delete {}), then ask again",
                    what, request.target);
      }
      break;
    case runtimes::BridgeKind::none:
      break;
  }
  if (is_configured) {
    return fail(Code::conflict,
                "{}: an interface of that name is configured in Proxmox, is not Drover's, and is "
                "not there: apply the network's configuration (System, Network), or choose another "
                "name",
                what);
  }
  if (on_proxmox && request.options.zone.empty()) {
    TRY(proxmox::check_bridge_name(request.target).context("ensure network"));
  }
  return false;
}

/// One that Proxmox has already, though the journal has lost it, or of which another node's agent
/// has made the whole cluster's. Who made it is not known, so no failure of this job takes it away.
Result<NetworkRow> adopted(Work& work, NetworkRow row) {
  row.created_at = work.clock().unix_ms();
  TRY(check_same(work.request(), row));
  row.busy = work.request().id.str();
  return row;
}

/// Whether this node can have such a network at all.
Result<> check_kind(const JobRequest& request, const Node& node) {
  if (request.options.zone.empty()) {
    return {};
  }
  if (node.vnets == nullptr) {
    return fail(Code::refused,
                "ensure network {}: zones are Proxmox's, and this is no node of it; leave out the "
                "zone",
                request.target);
  }
  return proxmox::check_vnet_name(request.target).context("ensure network");
}

/// The network's row, written; none when a bridge of somebody else serves.
Result<std::optional<NetworkRow>> begin_network(Work& work, const Node& node) {
  const JobRequest& request = work.request();
  const std::string job = request.id.str();
  std::optional<NetworkRow> row;
  const auto read = [&](Books& books) -> Result<> {
    row = TRY(books.journal().network(request.target));
    if (row) {
      return row->job == job || row->busy == job ? Result<>() : check_same(request, *row);
    }
    return check_subnet(books.journal(), request);
  };
  TRY(work.write(read));
  if (row) {
    return row;
  }
  TRY(check_kind(request, node));
  const auto known = TRY(look_in_proxmox(work, node));
  if (known && known->ours) {
    row = TRY(adopted(work, known->row));
  } else if (TRY(look_for_other(work, node, known.has_value()))) {
    return row;
  } else {
    // In a zone it is Proxmox's to say on which nodes the address is.
    if (!request.options.address.empty() && request.options.zone.empty()) {
      TRY(runtimes::check_no_way_to(subnet_of(request.options.address), request.target, work.stop())
              .context("ensure network " + request.target));
    }
    row = NetworkRow{.name = request.target,
                     .address = request.options.address,
                     .vlan_aware = request.options.vlan_aware,
                     .by_proxmox = node.network_configuration != nullptr,
                     // Of a vnet that another node may be making, too, it is not known yet.
                     .job = request.options.zone.empty() ? job : "",
                     .busy = job,
                     .created_at = work.clock().unix_ms(),
                     .zone = request.options.zone,
                     .tag = request.options.tag,
                     .snat = request.options.snat,
                     .addresses_elsewhere = !request.options.zone.empty()};
  }
  TRY(work.write([&](Books& books) { return books.journal().put_network(*row); }));
  return row;
}

/// Somebody has deleted the bridge from under its containers.
Result<> plug_in_again(Work& work, const Node& node, const std::string& bridge) {
  std::vector<ContainerRow> rows;
  TRY(work.write([&](Books& books) -> Result<> {
    rows = TRY(books.journal().containers());
    return {};
  }));
  for (const ContainerRow& row : rows) {
    const ContainerRecord record = TRY(container_record_from(row.container));
    for (const runtimes::Attachment& attachment : record.interfaces) {
      if (attachment.bridge == bridge) {
        const std::optional<NetworkSpec> spec = network_for(record, attachment.interface);
        TRY(node.networks.plug_in_again(attachment, spec ? spec->vlan : 0, work.stop()));
      }
    }
  }
  return {};
}

/// What the zone of one that is made says to that.
Result<bool> are_addresses_elsewhere(Work& work, const Node& node, const NetworkRow& row) {
  if (row.zone.empty() || node.vnets == nullptr) {
    return false;
  }
  const auto known = TRY(node.vnets->look_at(row.name, work.stop()));
  return !known || !known->gives_addresses;
}

/// Written down before the vnet is: should the job fail, the vnet is its to take back.
Result<> made_by(Work& work, NetworkRow& row) {
  if (row.busy != work.request().id.str()) {
    return {};  // one of an earlier job, which is gone from the cluster and made again
  }
  row.job = row.busy;
  return work.write([&](Books& books) { return books.journal().put_network(row); });
}

}  // namespace

Result<json::Value> ensure_network(Work& work, const Node& node) {
  std::optional<NetworkRow> row = TRY(begin_network(work, node));
  json::Object result{{"network", work.request().target}, {"own", row.has_value()}};
  if (!row) {
    return json::Value(std::move(result));
  }
  work.plan(1);
  TRY(work.once({.name = "network.make",
                 .act = [&]() -> Result<json::Value> {
                   TRY(make_network(node, *row, work.stop(), [&] { return made_by(work, *row); }));
                   TRY(plug_in_again(work, node, row->name));
                   return json::Value();
                 },
                 .needs = turn_of_network(*row)}));
  row->addresses_elsewhere = TRY(are_addresses_elsewhere(work, node, *row));
  node.networks.give_out(range_of(*row));
  result.set("address", row->address);
  TRY(work.write([&](Books& books) -> Result<> {
    std::optional<NetworkRow> now = TRY(books.journal().network(row->name));
    const bool is_made = now && now->busy == work.request().id.str();
    if (!now || (!is_made && !now->busy.empty())) {
      return {};
    }
    now->busy.clear();
    // An admin may have given the zone of one that was there an IPAM since, or taken it away.
    now->addresses_elsewhere = row->addresses_elsewhere;
    if (!is_made) {
      return books.journal().put_network(*now);
    }
    TRY(books.journal().put_network(*now));
    return books.tell(Event{.kind = "network",
                            .object = now->name,
                            .what = "created",
                            .job = work.request().id.str(),
                            .data = {{"address", now->address},
                                     {"vlan_aware", now->vlan_aware},
                                     {"by_proxmox", now->by_proxmox},
                                     {"zone", now->zone}}});
  }));
  return json::Value(std::move(result));
}

}  // namespace drover::jobs
