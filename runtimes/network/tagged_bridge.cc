#include "runtimes/network/tagged_bridge.h"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/system/child.h"
#include "agent/system/link.h"
#include "runtimes/network/host_end.h"

namespace drover::runtimes {
namespace {

constexpr std::uint32_t kUsualMtu = 1500;

/// What Proxmox copies to the one from the other; of its own are filtering, and the rest.
constexpr std::array<std::string_view, 8> kCopiedSettings = {
    "ageing_time", "stp_state", "priority",       "forward_delay",
    "hello_time",  "max_age",   "mcast_snooping", "mcast_querier"};

using Links = std::map<std::string, const json::Value*>;

Links by_name(const json::Value& links) {
  Links named;
  if (const json::Array* const array = links.array(); array != nullptr) {
    for (const json::Value& link : *array) {
      named.emplace(link.at("ifname").string_or(""), &link);
    }
  }
  return named;
}

std::string_view kind_of_link(const json::Value& link) {
  return link.at("linkinfo").at("info_kind").string_or("");
}

bool leads_out_of_node(const json::Value& link) {
  const std::string_view kind = kind_of_link(link);
  return link.at("link_type").string_or("") == "ether" &&
         (kind.empty() || kind == "bond" || kind == "vlan");
}

std::string vlan_name(const std::string& uplink, std::uint32_t tag) {
  return fmt::format("{}.{}", uplink, tag);
}

Result<> check_name(const std::string& name, const std::string& of) {
  return name.size() < IFNAMSIZ
             ? Result<>()
             : fail(Code::refused,
                    "{} would be called {}, and the kernel has names of at most {} bytes", of, name,
                    IFNAMSIZ - 1);
}

/// What the node has at the interface for itself, "10.0.0.1/24"; "" for nothing. Each has a
/// link-local address.
std::string own_address(const json::Value& link) {
  if (const json::Array* const all = link.at("addr_info").array(); all != nullptr) {
    for (const json::Value& one : *all) {
      if (one.at("scope").string_or("") != "link") {
        return fmt::format("{}/{}", one.at("local").string_or(""),
                           one.at("prefixlen").integer_or(0));
      }
    }
  }
  return "";
}

/// Of one uplink: its VLAN, up and in the bridge.
Result<> add_vlan_steps(const Links& links, const std::string& uplink, std::uint32_t tag,
                        const std::string& tagged, const std::string& mtu,
                        std::vector<IpWords>& steps) {
  const std::string name = vlan_name(uplink, tag);
  TRY(check_name(name, fmt::format("VLAN {} of {}", tag, uplink)));
  const auto there = links.find(name);
  std::string master;
  if (there == links.end()) {
    steps.push_back(
        {"link", "add", "link", uplink, "name", name, "type", "vlan", "id", std::to_string(tag)});
  } else {
    const json::Value& link = *there->second;
    const bool is_it = kind_of_link(link) == "vlan" && link.at("link").string_or("") == uplink &&
                       link.at("linkinfo").at("info_data").at("id").integer_or(0) == tag;
    if (!is_it) {
      return fail(Code::conflict, "interface {} is not VLAN {} of {}", name, tag, uplink);
    }
    master = link.at("master").string_or("");
    if (!master.empty() && master != tagged) {
      return fail(Code::conflict, "VLAN {} of {} is in bridge {} already: plug it into that one",
                  tag, uplink, master);
    }
    // In a bridge its address would be heard no more: that of a storage, or of the cluster.
    if (const std::string own = own_address(link); master.empty() && !own.empty()) {
      return fail(Code::conflict,
                  "VLAN {} of {} is the node's own, with address {} at {}: give that to a bridge "
                  "which has {} in it, and plug it into that one",
                  tag, uplink, own, name, name);
    }
  }
  steps.push_back({"link", "set", "dev", name, "up"});
  if (master.empty()) {
    steps.push_back({"link", "set", "dev", name, "mtu", mtu, "master", tagged});
  }
  return {};
}

/// The settings that the one has and the other has not.
IpWords copied_settings(const json::Value& from, const json::Value* to, const std::string& name) {
  IpWords words{"link", "set", "dev", name, "type", "bridge"};
  const std::size_t none = words.size();
  const json::Value& data = from.at("linkinfo").at("info_data");
  for (const std::string_view key : kCopiedSettings) {
    const json::Value& value = data.at(key);
    const bool same = to != nullptr && to->at("linkinfo").at("info_data").at(key) == value;
    if (!value.is_null() && !same) {
      const bool is_on = value.boolean_or(false);
      words.insert(words.end(),
                   {std::string(key), std::to_string(value.integer_or(is_on ? 1 : 0))});
    }
  }
  return words.size() == none ? IpWords() : words;
}

Result<json::Value> all_links(const system::Stop& stop) {
  const std::string text =
      TRY(system::run_ok({"ip", "-details", "-json", "address", "show"}, stop));
  return json::parse(text).context("read ip address");
}

/// As Proxmox does with what is in a bridge: it has no business with addresses.
void keep_six_off(const std::string& name) {
  std::ofstream("/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6") << 1;
}

/// Proxmox may be making the same one at this moment: what has come to be there is looked at anew.
Result<> make_tagged_bridge(const std::string& bridge, std::uint32_t tag,
                            const system::Stop& stop) {
  Result<> made = {};
  for (int attempt = 0; attempt < 3; ++attempt) {
    const json::Value links = TRY(all_links(stop));
    const std::vector<IpWords> steps = TRY(steps_to_tagged_bridge(links, bridge, tag));
    made = {};
    for (const IpWords& words : steps) {
      made = run_ip(words, stop);
      if (!made) {
        break;
      }
      const auto name = std::find(words.begin(), words.end(), "name");
      if (name != words.end()) {
        keep_six_off(*std::next(name));
      }
    }
    if (made) {
      return made;
    }
    TRY(stop.check("make a VLAN's bridge"));
  }
  return made;
}

}  // namespace

std::string tagged_bridge_name(const std::string& bridge, std::uint32_t tag) {
  return fmt::format("{}v{}", bridge, tag);
}

Result<std::vector<IpWords>> steps_to_tagged_bridge(const json::Value& links,
                                                    const std::string& bridge, std::uint32_t tag) {
  const Links named = by_name(links);
  const auto base = named.find(bridge);
  if (base == named.end()) {
    return fail(Code::not_found, "there is no bridge {}", bridge);
  }
  const std::string tagged = tagged_bridge_name(bridge, tag);
  TRY(check_name(tagged, fmt::format("VLAN {} of bridge {}", tag, bridge)));
  const std::string mtu = std::to_string(base->second->at("mtu").integer_or(kUsualMtu));
  std::vector<IpWords> steps;
  const auto there = named.find(tagged);
  const json::Value* const own = there == named.end() ? nullptr : there->second;
  if (own == nullptr) {
    steps.push_back({"link", "add", "name", tagged, "type", "bridge"});
  } else if (kind_of_link(*own) != "bridge") {
    return fail(Code::conflict, "interface {} is no bridge", tagged);
  }
  steps.push_back({"link", "set", "dev", tagged, "mtu", mtu});
  bool has_uplink = false;
  for (const auto& [name, link] : named) {
    if (link->at("master").string_or("") == bridge && leads_out_of_node(*link)) {
      has_uplink = true;
      TRY(add_vlan_steps(named, name, tag, tagged, mtu, steps));
    }
  }
  if (!has_uplink) {
    return fail(Code::refused,
                "the bridge does not filter VLANs, and no hardware, bond or VLAN is in it whose "
                "frames could have the tag");
  }
  if (IpWords copied = copied_settings(*base->second, own, tagged); !copied.empty()) {
    steps.push_back(std::move(copied));
  }
  steps.push_back({"link", "set", "dev", tagged, "up"});
  return steps;
}

Result<> check_tagged_bridge(const std::string& bridge, std::uint32_t tag,
                             const system::Stop& stop) {
  const json::Value links = TRY(all_links(stop));
  TRY(steps_to_tagged_bridge(links, bridge, tag));
  return {};
}

Result<Joint> join(const NetworkSpec& spec, const system::Stop& stop) {
  const std::optional<system::Link> link = TRY(system::look_at_link(spec.bridge));
  Joint joint{spec.bridge, spec.vlan, link && link->mtu != kUsualMtu ? link->mtu : 0};
  if (spec.vlan != 0 && link && !link->filters_vlans) {
    TRY(make_tagged_bridge(spec.bridge, spec.vlan, stop)
            .context(fmt::format("join VLAN {} of bridge {}", spec.vlan, spec.bridge)));
    joint.bridge = tagged_bridge_name(spec.bridge, spec.vlan);
    joint.vlan = 0;
  }
  return joint;
}

}  // namespace drover::runtimes
