#include "proxmox/vnets.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/ip_address.h"
#include "agent/system/crash_point.h"
#include "agent/system/link.h"
#include "proxmox/answer.h"
#include "proxmox/bridge_guests.h"
#include "proxmox/cluster.h"
#include "proxmox/network_changes.h"

namespace drover::proxmox {
namespace {

constexpr std::chrono::minutes kReloadTimeout{10};
constexpr std::string_view kReloadAll = "reloadnetworkall";
constexpr std::string_view kReload = "srvreload";

/// As many as a message has room for.
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 20;
  std::string text;
  for (std::size_t at = 0; at < std::min(kMost, names.size()); ++at) {
    text += (at == 0 ? "" : ", ") + one_line(names.at(at));
  }
  return names.size() > kMost ? fmt::format("{} and {} more", text, names.size() - kMost) : text;
}

/// What nobody knows the end of is worth trying again.
Result<> again_when_lost(const Result<>& done) {
  return !done && done.error().code == Code::timed_out
             ? fail(Code::unavailable, "{}", done.error().message)
             : done;
}

Result<> done(const Result<json::Value>& answer) {
  return answer ? Result<>() : Failure(answer.error());
}

Result<> check_ours(const VnetState& state, const std::string& what) {
  const bool is_there = state.written || state.applied;
  return !is_there || state.is_ours() ? Result<>()
                                      : fail(Code::refused, "{}: it is not Drover's", what);
}

/// Drover makes one; the others are somebody's.
Result<> check_one_subnet(const VnetState& state, const std::string& what) {
  if (state.subnets.size() <= 1) {
    return {};
  }
  return fail(Code::conflict,
              "{}: somebody has given it more subnets ({}): delete those before (Datacenter, SDN, "
              "VNets)",
              what, state.str());
}

Result<> check_no_guests(Client& client, const std::string& name, const Stop& stop) {
  const std::vector<std::string> guests = TRY(guests_on_bridge(client, name, stop));
  return guests.empty()
             ? Result<>()
             : fail(Code::conflict, "on it are {}; take them off it before", some_of(guests));
}

std::string vnet_path(const std::string& name) {
  return "/cluster/sdn/vnets/" + path_segment(name);
}

}  // namespace

Result<> check_vnet_name(const std::string& name) {
  constexpr std::size_t kLongest = 8;
  if (name.size() >= 2 && name.size() <= kLongest && is_letter(name.front()) &&
      std::all_of(name.begin(), name.end(), is_alphanumeric)) {
    return {};
  }
  return fail(Code::invalid,
              "vnet \"{}\": Proxmox takes 2 to {} letters and digits, a letter first, as in web1",
              name, kLongest);
}

Result<> Vnets::settle(const Stop& stop) {
  const std::vector<Upid> running = TRY(tasks_.running(stop));
  for (const Upid& upid : running) {
    if (upid.type != kReloadAll && upid.type != kReload) {
      continue;
    }
    const Result<> ended = tasks_.wait(upid, kReloadTimeout, stop, Tasks::GivenUp::left);
    TRY(stop.check("wait for task " + upid.str()));
    if (!ended && ended.error().code == Code::timed_out) {
      return fail(Code::unavailable, "the network is being applied: {}", ended.error().message);
    }
    // How it went otherwise is told by what the node has then.
  }
  return {};
}

Result<> Vnets::check_zone(const VnetState& state, const VnetRequest& vnet,
                           const std::string& what) const {
  const SdnZone* zone = state.zone(vnet.zone);
  if (zone == nullptr) {
    std::vector<std::string> names;
    for (const SdnZone& one : state.zones) {
      names.push_back(one.name);
    }
    return fail(Code::not_found,
                "{}: the cluster has no zone {} that was applied; it has {}; zones are made by an "
                "admin (Datacenter, SDN, Zones)",
                what, vnet.zone, names.empty() ? "none" : some_of(names));
  }
  if (!zone->is_on(client_.node())) {
    return fail(Code::refused, "{}: zone {} is not on node {}, but on {}", what, vnet.zone,
                client_.node(), some_of(zone->nodes));
  }
  if (!zone->spans_nodes() && vnet.tag != 0) {
    return fail(Code::invalid, "{}: zone {} is a simple one, whose vnets have no tag", what,
                vnet.zone);
  }
  if (zone->spans_nodes() && vnet.tag == 0) {
    return fail(Code::invalid, "{}: zone {} is of type {}, whose vnets have to have a tag", what,
                vnet.zone, zone->type);
  }
  return {};
}

Result<> Vnets::check_alone(const VnetState& state, const std::string& what) {
  if (state.foreign.empty()) {
    return {};
  }
  return fail(Code::conflict,
              "{}: changes of somebody else wait to be applied to the cluster's SDN ({}), and all "
              "that wait are applied together: apply or revert them (Datacenter, SDN), then ask "
              "again",
              what, some_of(state.foreign));
}

Result<> Vnets::check_nodes(const SdnZone* zone, const std::string& address,
                            const std::string& what, const Stop& stop) {
  const ClusterState cluster = TRY(Cluster(client_).state(stop));
  for (const ClusterState::Node& node : cluster.nodes) {
    if (!node.online) {
      continue;
    }
    const json::Object answer =
        TRY(client_.get_whole("/nodes/" + path_segment(node.name) + "/network", {}, stop));
    const json::Value* changes = answer.find("changes");
    const NetworkChanges pending =
        read_network_changes(changes == nullptr ? "" : changes->string_or(""));
    if (!pending.empty()) {
      return fail(Code::conflict,
                  "{}: changes wait to be applied to the network of node {} ({}), and would be "
                  "applied with it: apply or revert them (System, Network), then ask again",
                  what, node.name, pending.str());
    }
    if (zone == nullptr || !zone->is_on(node.name)) {
      continue;
    }
    const json::Array* interfaces = answer.find("data")->array();
    for (const json::Value& interface : interfaces != nullptr ? *interfaces : json::Array()) {
      for (const char* key : {"cidr", "cidr6"}) {
        const std::string cidr(interface.at(key).string_or(""));
        if (overlap(cidr, address)) {
          return fail(Code::conflict,
                      "{}: {} is in the subnet of {} of node {}, {}; choose another", what, address,
                      one_line(interface.at("iface").string_or("")), node.name, cidr);
        }
      }
    }
  }
  return {};
}

Result<> Vnets::change(bool beside_pending, const std::string& what, const Stop& stop,
                       const Change& change) {
  const std::string token = TRY(lock_.take(beside_pending, what, stop));
  system::crash_point("sdn after lock");
  const Result<> changed = change(token).context(what);
  // Whoever was stopped gives it back all the same: nobody else can.
  const Stop never;
  const Result<> released = lock_.release(never);
  return changed ? released : changed;
}

Result<> Vnets::add(const VnetRequest& vnet, const VnetState& now, const std::string& token,
                    const Stop& stop) {
  if (!now.written) {
    Form form = {{"vnet", vnet.name},
                 {"zone", vnet.zone},
                 {"alias", vnet_alias(vnet.name)},
                 {"lock-token", token}};
    if (vnet.tag != 0) {
      form.emplace_back("tag", std::to_string(vnet.tag));
    }
    if (vnet.vlan_aware) {
      form.emplace_back("vlanaware", "1");
    }
    TRY(client_.post("/cluster/sdn/vnets", form, stop));
  }
  const std::optional<SdnSubnet> subnet = subnet_for(vnet);
  if (subnet && now.subnets.empty()) {
    Form form = {{"subnet", subnet->cidr},
                 {"type", "subnet"},
                 {"gateway", subnet->gateway},
                 {"lock-token", token}};
    if (subnet->snat) {
      form.emplace_back("snat", "1");
    }
    TRY(client_.post(vnet_path(vnet.name) + "/subnets", form, stop));
  }
  return {};
}

Result<> Vnets::erase(const VnetState& now, const std::string& name, const std::string& token,
                      const Stop& stop) {
  const Form query = {{"lock-token", token}};
  for (const SdnSubnet& subnet : now.subnets) {
    TRY(client_.del(vnet_path(name) + "/subnets/" + path_segment(subnet.id), query, stop));
  }
  return now.written ? done(client_.del(vnet_path(name), query, stop)) : Result<>();
}

Result<> Vnets::apply(const std::string& token, const std::string& what, const Stop& stop) {
  system::crash_point("sdn before apply");
  const Result<json::Value> answer = client_.put("/cluster/sdn", {{"lock-token", token}}, stop);
  system::crash_point("sdn after apply");
  if (!answer) {
    return again_when_lost(done(answer));
  }
  TRY(lock_.released());
  const Upid upid = TRY(Upid::parse(answer->string_or("")));
  // Cut off in the middle it would leave some of the nodes as they were.
  return again_when_lost(
      tasks_.wait(upid, kReloadTimeout, stop, Tasks::GivenUp::left).context(what));
}

Result<> Vnets::write_and_apply(const VnetRequest& vnet, const VnetState& before,
                                const std::string& what, const Stop& stop,
                                const std::function<Result<>()>& begins) {
  return change(before.pending, what, stop, [&](const std::string& token) -> Result<> {
    const VnetState now = TRY(read_vnet_state(sdn_, vnet.name, stop));
    TRY(check_alone(now, what));
    if (now.written && !now.is(vnet)) {
      return fail(Code::conflict, "{}: somebody has made it otherwise meanwhile ({})", what,
                  now.str());
    }
    if (begins && !now.written && !now.applied) {
      TRY(begins());
    }
    const Result<> added = add(vnet, now, token, stop);
    if (!added) {
      // Half of it is of no use to anybody, and would keep others from changing anything.
      const Stop never;
      const Result<VnetState> half = read_vnet_state(sdn_, vnet.name, never);
      if (half && !half->applied && half->is_ours()) {
        [[maybe_unused]] const Result<> erased = erase(*half, vnet.name, token, never);
      }
      return again_when_lost(added);
    }
    return apply(token, what, stop);
  });
}

Result<> Vnets::make(const VnetRequest& vnet, const Stop& stop,
                     const std::function<Result<>()>& begins) {
  const std::string what = fmt::format("make vnet {} in zone {}", vnet.name, vnet.zone);
  TRY(check_vnet_name(vnet.name));
  const std::lock_guard changing(changing_);
  TRY(lock_.release(stop));
  TRY(settle(stop));
  const VnetState before = TRY(read_vnet_state(sdn_, vnet.name, stop));
  if (before.written && !before.is_ours()) {
    return fail(Code::conflict, "{}: the cluster has a vnet of that name that is not Drover's",
                what);
  }
  TRY(check_zone(before, vnet, what));
  if (before.written && !before.is(vnet)) {
    return fail(Code::conflict,
                "{}: it is there otherwise ({}); ask for the same, or remove it before", what,
                before.str());
  }
  if (before.written && !before.pending && system::is_link_up(vnet.name)) {
    return {};  // what else waits to be applied is somebody else's
  }
  TRY(check_alone(before, what));
  const SdnZone* const zone = before.zone(vnet.zone);
  const std::string on_nodes = zone->routes() ? vnet.address : "";
  for (const std::string& other : before.others) {
    if (overlap(other, on_nodes)) {
      return fail(Code::conflict, "{}: {} is in the subnet {} of another vnet; choose another",
                  what, on_nodes, other);
    }
  }
  TRY(check_nodes(zone, on_nodes, what, stop));
  const Result<> applied = write_and_apply(vnet, before, what, stop, begins);
  // The task succeeds whatever the nodes make of it, and need not have waited for this one.
  TRY(settle(stop));
  if (!applied) {
    // An answer may have been lost, or another node's agent have made just this one.
    const Result<VnetState> after = read_vnet_state(sdn_, vnet.name, stop);
    return after && after->is(vnet) && !after->pending && system::is_link_up(vnet.name) ? Result<>()
                                                                                        : applied;
  }
  if (system::is_link_up(vnet.name)) {
    return {};
  }
  return fail(Code::broken,
              "{}: it was applied, and node {} does not have it; the node's last task \"{}\" tells "
              "why",
              what, client_.node(), kReload);
}

Result<> Vnets::put_back(const VnetRequest& vnet, const std::string& what, const Stop& stop) {
  const Result<VnetState> now = read_vnet_state(sdn_, vnet.name, stop);
  const Result<> written =
      now ? write_and_apply(vnet, *now, what, stop) : Result<>(Failure(now.error()));
  return fail(Code::conflict, "{}: the kernel keeps it, because something is plugged into it{}",
              what, written ? "" : "; and it could not be put back: " + written.error().message);
}

Result<> Vnets::remove(const std::string& name, const Stop& stop) {
  const std::string what = "remove vnet " + name;
  const std::lock_guard changing(changing_);
  TRY(lock_.release(stop));
  TRY(settle(stop));
  const VnetState before = TRY(read_vnet_state(sdn_, name, stop));
  if (!before.written && !before.applied) {
    return {};
  }
  TRY(check_ours(before, what));
  TRY(check_no_guests(client_, name, stop).context(what));
  TRY(check_alone(before, what));
  if (before.applied) {
    TRY(check_nodes(nullptr, "", what, stop));
  }
  const Result<> applied =
      change(before.pending, what, stop, [&](const std::string& token) -> Result<> {
        const VnetState now = TRY(read_vnet_state(sdn_, name, stop));
        TRY(check_alone(now, what));
        TRY(check_ours(now, what));
        TRY(check_one_subnet(now, what));
        // The lock may have been waited for, and guests need none to be put on it.
        TRY(check_no_guests(client_, name, stop));
        TRY(again_when_lost(erase(now, name, token, stop)));
        return now.applied ? apply(token, what, stop) : Result<>();
      });
  TRY(settle(stop));
  const VnetState after = TRY(read_vnet_state(sdn_, name, stop));
  if (after.written || after.applied) {
    return applied ? fail(Code::unavailable, "{}: it was asked for, and the API has it still", what)
                   : applied;
  }
  if (!system::has_link(name)) {
    return {};
  }
  if (!applied) {
    return applied;
  }
  return put_back(*before.request(), what, stop);
}

Result<> Vnets::free_lock(const Stop& stop) {
  const std::unique_lock changing(changing_, std::try_to_lock);
  return changing ? lock_.release(stop) : Result<>();
}

Result<std::optional<Vnets::Known>> Vnets::look_at(const std::string& name, const Stop& stop) {
  const VnetState state = TRY(read_vnet_state(sdn_, name, stop, Others::left_out));
  std::optional<VnetRequest> request = state.request();
  if (!request) {
    return std::optional<Known>();
  }
  const SdnZone* zone = state.zone(request->zone);
  const bool gives = zone != nullptr && !zone->spans_nodes() && zone->ipam.empty();
  return std::optional(Known{std::move(*request), state.is_ours(), gives});
}

Result<std::vector<Vnets::Known>> Vnets::own(const Stop& stop) {
  const std::vector<SdnSection> all = TRY(sdn_.vnets(stop));
  std::vector<Known> own;
  for (const SdnSection& vnet : all) {
    const std::optional<json::Object>& set = vnet.written ? vnet.written : vnet.applied;
    if (!set || vnet_from(vnet.id, *set).alias != vnet_alias(vnet.id)) {
      continue;
    }
    std::optional<Known> known = TRY(look_at(vnet.id, stop));
    if (known && known->ours && system::has_link(vnet.id)) {
      own.push_back(std::move(*known));
    }
  }
  return own;
}

}  // namespace drover::proxmox
