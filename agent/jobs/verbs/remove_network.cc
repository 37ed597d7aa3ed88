#include "agent/jobs/verbs/own_networks.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

/// Takes the network for the job, if it is ours and nobody is on it. `not_found` when the journal
/// has none of that name.
Result<NetworkRow> hold_network(Books& books, const JobRequest& request) {
  std::optional<NetworkRow> row = TRY(books.journal().network(request.target));
  if (!row) {
    return fail(Code::not_found, "remove network {}: this node has made no such network",
                request.target);
  }
  if (row->busy == request.id.str()) {
    return std::move(*row);
  }
  if (!row->busy.empty()) {
    return fail(Code::unavailable, "remove network {}: job {} works on it", row->name, row->busy);
  }
  const auto users = TRY(network_users(books.journal()));
  if (const auto found = users.find(row->name); found != users.end()) {
    return fail(Code::conflict, "remove network {}: on it are {}; delete these containers before",
                row->name, fmt::format("{}", fmt::join(found->second, ", ")));
  }
  row->busy = request.id.str();
  TRY(books.journal().put_network(*row));
  return std::move(*row);
}

/// Of one that the journal does not know.
Result<runtimes::BridgeKind> whose(const Node& node, const std::string& name,
                                   const system::Stop& stop) {
  if (node.vnets != nullptr && proxmox::check_vnet_name(name)) {
    const auto known = TRY(node.vnets->look_at(name, stop));
    if (known && known->ours) {
      return runtimes::BridgeKind::ours;
    }
  }
  if (node.network_configuration != nullptr) {
    const auto known = TRY(node.network_configuration->look_at(name, stop));
    if (known && known->ours) {
      return runtimes::BridgeKind::ours;
    }
  }
  return runtimes::look_at_bridge(name);
}

/// Whether it is only struck off: nobody can ask Proxmox about it any more, and the node has no
/// link of it.
Result<bool> is_struck_off(const Node& node, const JobRequest& request, const NetworkRow& row) {
  return request.options.force && row.by_proxmox && node.network_configuration == nullptr &&
         TRY(state_of(row)) == runtimes::BridgeState::missing;
}

}  // namespace

Result<json::Value> remove_network(Work& work, const Node& node) {
  const JobRequest& request = work.request();
  NetworkRow row;
  const Result<> held = work.write([&](Books& books) -> Result<> {
    row = TRY(hold_network(books, request));
    return {};
  });
  if (!held) {
    if (held.error().code != Code::not_found) {
      return Failure(held.error());
    }
    if (work.resumed()) {
      return json::Value();
    }
    switch (TRY(whose(node, request.target, work.stop()))) {
      case runtimes::BridgeKind::none:
        return Failure(held.error());
      case runtimes::BridgeKind::ours:
        return fail(
            Code::conflict,
            "{}, but one of Drover's is there, of before its journal was lost or of another "
            "node; ensure it with the address it has, then remove it",
            held.error().message);
      case runtimes::BridgeKind::other:
      case runtimes::BridgeKind::no_bridge:
        break;
    }
    return fail(Code::refused, "{}; what is there is not Drover's", held.error().message);
  }
  work.plan(1);
  TRY(work.once({.name = "network.remove",
                 .act = [&]() -> Result<json::Value> {
                   if (!TRY(is_struck_off(node, request, row))) {
                     TRY(unmake_network(node, row, work.stop()));
                   }
                   TRY(node.networks.give_out_no_more(row.name));
                   return json::Value();
                 },
                 .needs = turn_of_network(row)}));
  TRY(work.write([&](Books& books) -> Result<> {
    TRY(books.journal().erase_network(request.target));
    return books.tell(Event{
        .kind = "network", .object = request.target, .what = "removed", .job = request.id.str()});
  }));
  return json::Value();
}

}  // namespace drover::jobs
