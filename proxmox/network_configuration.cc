#include "proxmox/network_configuration.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/ip_address.h"
#include "agent/system/link.h"
#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

constexpr std::chrono::minutes kApplyTimeout{5};
constexpr std::string_view kApplying = "srvreload";

std::string mark_of(const std::string& name) {
  return "drover:network:" + name;
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

/// What nobody knows the end of is worth trying again.
Result<> unavailable_when_lost(const Result<>& done) {
  return !done && done.error().code == Code::timed_out
             ? fail(Code::unavailable, "{}", done.error().message)
             : done;
}

/// All that is configured of an interface. Where it stands among the others and whether the kernel
/// has it are not.
std::string text_of(const json::Value& interface) {
  std::set<std::string> members;
  if (const json::Object* object = interface.object()) {
    for (const auto& [key, value] : *object) {
      if (key != "priority" && key != "active" && key != "exists") {
        members.insert(key + "=" + json::write(value));
      }
    }
  }
  return fmt::format("{}", fmt::join(members, "\n"));
}

}  // namespace

Result<> check_bridge_name(const std::string& name) {
  // Ten, because Proxmox appends a VLAN's number ("v4094") to the names of bridges that do not
  // filter VLANs, and an interface's name has fifteen at most.
  constexpr std::size_t kLongest = 10;
  const bool fits =
      !name.empty() && name.size() <= kLongest && is_letter(name.front()) &&
      std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || c == '_'; });
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
  const auto found = entries.find(name);
  return found == entries.end() ? nullptr : &found->second;
}

Result<> NetworkConfiguration::Configuration::check_subnet(const BridgeRequest& bridge,
                                                           const std::string& what) const {
  for (const auto& [name, entry] : entries) {
    for (const std::string& cidr : entry.cidrs) {
      if (name != bridge.name && overlap(cidr, bridge.cidr)) {
        return fail(Code::conflict, "{}: {} is in the subnet of {}, {}; choose another", what,
                    bridge.cidr, name, cidr);
      }
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
    const std::string name(value.at("iface").string_or(""));
    Entry entry;
    for (const char* key : {"cidr", "cidr6"}) {
      if (const std::string_view cidr = value.at(key).string_or(""); !cidr.empty()) {
        entry.cidrs.emplace_back(cidr);
      }
    }
    std::string_view comment = value.at("comments").string_or("");
    while (comment.ends_with('\n')) {
      comment.remove_suffix(1);
    }
    entry.known.bridge = {name, entry.cidrs.empty() ? "" : entry.cidrs.front(),
                          value.at("bridge_vlan_aware").boolean_or(false)};
    entry.known.ours = comment == mark_of(name) && value.at("type").string_or("") == "bridge";
    entry.text = text_of(value);
    read.entries.insert_or_assign(name, std::move(entry));
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
    if (upid.type != kApplying || upid.id != "networking") {
      continue;
    }
    const Result<> ended = tasks_.wait(upid, kApplyTimeout, stop, Tasks::GivenUp::left);
    if (!ended) {
      TRY(stop.check("wait for task " + upid.str()));
      if (ended.error().code == Code::timed_out) {
        return fail(Code::unavailable, "the node's network is being applied: {}",
                    ended.error().message);
      }
      // How it went otherwise is told by what the node has then.
    }
  }
  return {};
}

Result<> NetworkConfiguration::check_alone(const Configuration& before, const Configuration& now,
                                           const std::string& name, const std::string& what) {
  if (now.pending.only(name)) {
    return {};
  }
  // A file that was not written by Proxmox is written anew at its first change, which looks like a
  // change of much, and is none when everything is configured as before.
  const auto same = [&](const Configuration& one, const Configuration& other) {
    return std::all_of(one.entries.begin(), one.entries.end(), [&](const auto& named) {
      const Entry* const there = other.find(named.first);
      return named.first == name || (there != nullptr && there->text == named.second.text);
    });
  };
  if (!before.differs && same(before, now) && same(now, before)) {
    return {};
  }
  return check_only(now.pending, name, what);
}

Result<> NetworkConfiguration::write(const BridgeRequest& bridge, const Stop& stop) {
  Form form = {{"iface", bridge.name},
               {"type", "bridge"},
               {"autostart", "1"},
               {"bridge_ports", ""},
               {"comments", mark_of(bridge.name)}};
  if (bridge.vlan_aware) {
    form.emplace_back("bridge_vlan_aware", "1");
  }
  if (!bridge.cidr.empty()) {
    const bool v6 = bridge.cidr.find(':') != std::string::npos;
    form.emplace_back(v6 ? "cidr6" : "cidr", bridge.cidr);
  }
  return unless_lost(client_.post(path(), form, stop));
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
  return unavailable_when_lost(tasks_.wait(upid, kApplyTimeout, stop, Tasks::GivenUp::left));
}

Result<> NetworkConfiguration::withdraw(const std::string& name, const std::string& what,
                                        const Stop& stop) {
  TRY(erase(name, stop).context(what));
  const Configuration now = TRY(read(stop));
  if (now.find(name) != nullptr) {
    return fail(Code::unavailable, "{}: it was to be taken out again, and the API has it still",
                what);
  }
  // What may be left is how the file is written, which nobody has asked for.
  return now.differs && now.pending.empty() ? unless_lost(client_.del(path(), {}, stop))
                                            : Result<>();
}

Result<> NetworkConfiguration::add(const BridgeRequest& bridge, const Configuration& before,
                                   const std::string& what, const Stop& stop) {
  TRY(before.check_subnet(bridge, what));
  TRY(check_only(before.pending, bridge.name, what));
  TRY(write(bridge, stop).context(what));
  const Configuration now = TRY(read(stop));
  const Entry* const found = now.find(bridge.name);
  if (found == nullptr && !now.pending.come.contains(bridge.name)) {
    return fail(Code::unavailable, "{}: it was asked for, and the API does not have it", what);
  }
  if (found == nullptr) {
    // It is there, and the API shows bridges only to who may use them.
    TRY(erase(bridge.name, stop).context(what));
    return fail(Code::refused, "{}: {} may not see it: give it SDN.Use on /sdn/zones/localnetwork",
                what, client_.user());
  }
  if (!found->known.ours) {
    TRY(erase(bridge.name, stop).context(what));
    return fail(Code::invalid,
                "{}: this version of Proxmox takes no bridge of that name; take one as vmbr1",
                what);
  }
  if (const Result<> alone = check_alone(before, now, bridge.name, what); !alone) {
    TRY(erase(bridge.name, stop).context(what));
    return alone;
  }
  return {};
}

Result<> NetworkConfiguration::make_bridge(const BridgeRequest& bridge, const Stop& stop) {
  const std::string what = fmt::format("make bridge {} on node {}", bridge.name, client_.node());
  TRY(check_bridge_name(bridge.name));
  TRY(settle(stop));
  const Configuration before = TRY(read(stop));
  const Entry* const found = before.find(bridge.name);
  if (found != nullptr && !found->known.ours) {
    return fail(Code::conflict, "{}: there is an interface of that name that is not Drover's",
                what);
  }
  if (found != nullptr && found->known.bridge != bridge) {
    return fail(Code::conflict,
                "{}: somebody has changed it in Proxmox, to address \"{}\"{}; change it back there "
                "(System, Network), or remove it",
                what, found->known.bridge.cidr, found->known.bridge.vlan_aware ? " and VLANs" : "");
  }
  if (found != nullptr && system::is_link_up(bridge.name)) {
    return {};  // what of it waits to be applied is somebody else's
  }
  if (found == nullptr) {
    TRY(add(bridge, before, what, stop));
  } else {
    TRY(check_only(before.pending, bridge.name, what));
  }
  const Result<> applied = apply(stop).context(what);
  // One interface that fails, be it another's, fails the whole task, and all others are up.
  if (system::is_link_up(bridge.name)) {
    return {};
  }
  if (!applied) {
    TRY(stop.check(what));
    return unavailable_when_lost(applied);
  }
  return fail(Code::broken,
              "{}: it was applied, and the node does not have it; the node's last task \"{}\" "
              "tells why",
              what, kApplying);
}

Result<> NetworkConfiguration::put_back(const BridgeRequest& bridge, const std::string& what,
                                        const Stop& stop) {
  TRY(write(bridge, stop).context(what));
  const Result<> applied = apply(stop);
  return fail(Code::conflict, "{}: the kernel keeps it, because something is plugged into it{}",
              what, applied ? "" : "; and it could not be put back: " + applied.error().message);
}

Result<> NetworkConfiguration::remove_bridge(const std::string& name, const Stop& stop) {
  const std::string what = fmt::format("remove bridge {} from node {}", name, client_.node());
  TRY(settle(stop));
  const Configuration before = TRY(read(stop));
  const Entry* const found = before.find(name);
  if (found != nullptr && !found->known.ours) {
    return fail(Code::refused, "{}: it is not Drover's", what);
  }
  if (before.pending.come.contains(name)) {
    return found != nullptr ? withdraw(name, what, stop)
                            : fail(Code::refused,
                                   "{}: it waits to be applied, and {} may not see it: give it "
                                   "SDN.Use on /sdn/zones/localnetwork",
                                   what, client_.user());
  }
  if (found == nullptr && !before.pending.interfaces.contains(name)) {
    return {};
  }
  TRY(check_only(before.pending, name, what));
  if (found != nullptr) {
    TRY(erase(name, stop).context(what));
    const Configuration now = TRY(read(stop));
    if (now.find(name) != nullptr) {
      return fail(Code::unavailable, "{}: it was asked for, and the API has it still", what);
    }
    if (const Result<> alone = check_alone(before, now, name, what); !alone) {
      TRY(write(found->known.bridge, stop).context(what));
      return alone;
    }
  }
  const Result<> applied = apply(stop).context(what);
  // One interface that fails, be it another's, fails the whole task, and this one is gone.
  if (!system::has_link(name)) {
    const Configuration now = TRY(read(stop));
    return now.pending.interfaces.contains(name)
               ? fail(Code::unavailable, "{}: it is written, and was not applied", what)
               : Result<>();
  }
  if (!applied) {
    return unavailable_when_lost(applied);
  }
  return found != nullptr
             ? put_back(found->known.bridge, what, stop)
             : fail(Code::conflict, "{}: the kernel keeps it, because something is plugged into it",
                    what);
}

Result<std::optional<NetworkConfiguration::Known>> NetworkConfiguration::look_at(
    const std::string& name, const Stop& stop) {
  const Configuration now = TRY(read(stop));
  const Entry* const found = now.find(name);
  return found == nullptr ? std::optional<Known>() : std::optional(found->known);
}

Result<std::vector<BridgeRequest>> NetworkConfiguration::own_bridges(const Stop& stop) {
  const Configuration now = TRY(read(stop));
  std::vector<BridgeRequest> bridges;
  for (const auto& [name, entry] : now.entries) {
    if (entry.known.ours) {
      bridges.push_back(entry.known.bridge);
    }
  }
  return bridges;
}

}  // namespace drover::proxmox
