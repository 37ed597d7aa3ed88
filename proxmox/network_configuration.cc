#include "proxmox/network_configuration.h"

#include <algorithm>
#include <utility>

#include "agent/core/ip_address.h"
#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

constexpr std::chrono::minutes kApplyTimeout{5};
constexpr std::string_view kApplying = "srvreload";

std::string mark_of(const std::string& name) {
  return "drover:network:" + name;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// `conflict` when others have changes there.
Result<> check_only(const NetworkChanges& pending, const std::string& name,
                    const std::string& what) {
  if (pending.only(name)) {
    return {};
  }
  return fail(Code::conflict,
              "{}: changes of somebody else wait to be applied there ({}), and all that wait are "
              "applied together: apply or revert them (System, Network), then ask again",
              what, pending.str());
}

/// A write whose answer is lost is looked up by who calls.
Result<> unless_lost(const Result<json::Value>& answer) {
  return answer || answer.error().code == Code::timed_out ? Result<>() : Failure(answer.error());
}

}  // namespace

Result<> check_bridge_name(const std::string& name) {
  // Ten, because Proxmox appends a VLAN's number ("v4094") to the names of bridges that do not
  // filter VLANs, and an interface's name has fifteen at most.
  constexpr std::size_t kLongest = 10;
  const bool fits = !name.empty() && name.size() <= kLongest && is_letter(name.front()) &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
                    });
  if (fits && name.size() >= 2) {
    return {};
  }
  return fail(Code::invalid,
              "bridge \"{}\": Proxmox takes 2 to {} letters, digits and \"_\", a letter first, as "
              "in vmbr1",
              name, kLongest);
}

const NetworkConfiguration::Entry* NetworkConfiguration::Configuration::find(
    const std::string& name) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&name](const Entry& entry) {
    return entry.bridge.name == name;
  });
  return found == entries.end() ? nullptr : &*found;
}

Result<> NetworkConfiguration::Configuration::check_subnet(const BridgeRequest& bridge,
                                                           const std::string& what) const {
  for (const Entry& entry : entries) {
    if (entry.bridge.name != bridge.name && overlap(entry.bridge.cidr, bridge.cidr)) {
      return fail(Code::conflict, "{}: {} is in the subnet of {}, {}; choose another", what,
                  bridge.cidr, entry.bridge.name, entry.bridge.cidr);
    }
  }
  return {};
}

std::string NetworkConfiguration::path() const {
  return "/nodes/" + path_segment(client_.node()) + "/network";
}

Result<NetworkConfiguration::Configuration> NetworkConfiguration::read(const Stop& stop) {
  json::Object answer = TRY(client_.get_whole(path(), {}, stop));
  const json::Array list = TRY(list_of(std::move(*answer.find("data")), "read the network"));
  Configuration read;
  for (const json::Value& value : list) {
    std::string name(value.at("iface").string_or(""));
    std::string_view comment = value.at("comments").string_or("");
    while (comment.ends_with('\n')) {
      comment.remove_suffix(1);
    }
    const bool ours = comment == mark_of(name) && value.at("type").string_or("") == "bridge";
    const std::string_view cidr = value.at("cidr").string_or("");
    read.entries.push_back(
        {{std::move(name), std::string(cidr.empty() ? value.at("cidr6").string_or("") : cidr),
          value.at("bridge_vlan_aware").boolean_or(false)},
         ours,
         value.at("active").boolean_or(false)});
  }
  if (const json::Value* changes = answer.find("changes")) {
    const std::string_view diff = changes->string_or("");
    read.differs = !diff.empty();
    read.pending = read_network_changes(diff);
  }
  return read;
}

Result<> NetworkConfiguration::settle(const Stop& stop) {
  const std::vector<Upid> running = TRY(tasks_.running(stop));
  for (const Upid& upid : running) {
    if (upid.type == kApplying && upid.id == "networking") {
      // How it ended is told by what the node has then.
      if (!tasks_.wait(upid, kApplyTimeout, stop, Tasks::GivenUp::left)) {
        TRY(stop.check("wait for task " + upid.str()));
      }
    }
  }
  return {};
}

Result<> NetworkConfiguration::write(const BridgeRequest& bridge, bool is_there, const Stop& stop) {
  Form form = {{"type", "bridge"},
               {"autostart", "1"},
               {"bridge_ports", ""},
               {"comments", mark_of(bridge.name)}};
  std::string dropped;
  if (bridge.vlan_aware) {
    form.emplace_back("bridge_vlan_aware", "1");
  } else {
    dropped = "bridge_vlan_aware";
  }
  if (!bridge.cidr.empty()) {
    const bool v6 = bridge.cidr.find(':') != std::string::npos;
    form.emplace_back(v6 ? "cidr6" : "cidr", bridge.cidr);
  }
  if (!is_there) {
    form.emplace_back("iface", bridge.name);
    return unless_lost(client_.post(path(), form, stop));
  }
  if (!dropped.empty()) {
    form.emplace_back("delete", dropped);
  }
  return unless_lost(client_.put(path() + "/" + path_segment(bridge.name), form, stop));
}

Result<> NetworkConfiguration::erase(const std::string& name, const Stop& stop) {
  return unless_lost(client_.del(path() + "/" + path_segment(name), {}, stop));
}

Result<> NetworkConfiguration::apply(const Stop& stop) {
  const Result<json::Value> answer = client_.put(path(), {}, stop);
  if (!answer) {
    if (answer.error().code == Code::timed_out) {
      TRY(settle(stop));
    }
    return Failure(answer.error());
  }
  const Upid upid = TRY(Upid::parse(answer->string_or("")));
  // Cut off in the middle it would leave the node's network half changed.
  return tasks_.wait(upid, kApplyTimeout, stop, Tasks::GivenUp::left);
}

Result<> NetworkConfiguration::apply_unless_lost(const std::string& what, const Stop& stop) {
  const Result<> applied = apply(stop);
  return applied || applied.error().code == Code::timed_out ? Result<>()
                                                            : Result<>(applied).context(what);
}

Result<> NetworkConfiguration::make_bridge(const BridgeRequest& bridge, const Stop& stop) {
  const std::string what = fmt::format("make bridge {} on node {}", bridge.name, client_.node());
  TRY(check_bridge_name(bridge.name));
  TRY(settle(stop));
  Configuration now = TRY(read(stop));
  const Entry* found = now.find(bridge.name);
  if (found != nullptr && !found->ours) {
    return fail(Code::conflict, "{}: there is an interface of that name that is not Drover's",
                what);
  }
  TRY(now.check_subnet(bridge, what));
  TRY(check_only(now.pending, bridge.name, what));
  const bool is_there = found != nullptr;
  const bool same = is_there && found->bridge == bridge;
  if (same && found->active && now.pending.empty()) {
    return {};
  }
  if (!same) {
    TRY(write(bridge, is_there, stop).context(what));
    now = TRY(read(stop));
    if (now.find(bridge.name) == nullptr) {
      return fail(Code::unavailable, "{}: it was asked for, and the API does not have it", what);
    }
    if (!now.pending.only(bridge.name)) {
      if (!is_there) {
        TRY(erase(bridge.name, stop).context(what));
      }
      return check_only(now.pending, bridge.name, what);
    }
  }
  TRY(apply_unless_lost(what, stop));
  now = TRY(read(stop));
  found = now.find(bridge.name);
  if (found != nullptr && found->active) {
    return {};
  }
  if (!now.pending.empty()) {
    return fail(Code::unavailable, "{}: it is written, and was not applied", what);
  }
  return fail(Code::broken,
              "{}: it was applied, and the node does not have it; the node's last task \"{}\" "
              "tells why",
              what, kApplying);
}

Result<> NetworkConfiguration::remove_bridge(const std::string& name, const Stop& stop) {
  const std::string what = fmt::format("remove bridge {} from node {}", name, client_.node());
  TRY(settle(stop));
  Configuration now = TRY(read(stop));
  const Entry* found = now.find(name);
  if (found == nullptr && !now.pending.interfaces.contains(name)) {
    return {};
  }
  if (found != nullptr && !found->ours) {
    return fail(Code::refused, "{}: it is not Drover's", what);
  }
  TRY(check_only(now.pending, name, what));
  if (found != nullptr) {
    TRY(erase(name, stop).context(what));
    now = TRY(read(stop));
    if (now.find(name) != nullptr) {
      return fail(Code::unavailable, "{}: it was asked for, and the API has it still", what);
    }
    TRY(check_only(now.pending, name, what));
  }
  if (!now.pending.empty()) {
    TRY(apply_unless_lost(what, stop));
    now = TRY(read(stop));
    return now.pending.interfaces.contains(name)
               ? fail(Code::unavailable, "{}: it is written, and was not applied", what)
               : Result<>();
  }
  // It was never applied. What may be left is how the file is written, which nobody has asked for.
  return now.differs ? unless_lost(client_.del(path(), {}, stop)) : Result<>();
}

Result<std::vector<BridgeRequest>> NetworkConfiguration::own_bridges(const Stop& stop) {
  const Configuration now = TRY(read(stop));
  std::vector<BridgeRequest> bridges;
  for (const Entry& entry : now.entries) {
    if (entry.ours) {
      bridges.push_back(entry.bridge);
    }
  }
  return bridges;
}

}  // namespace drover::proxmox
