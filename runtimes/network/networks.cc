#include <algorithm>
#include <filesystem>
#include <utility>

#include "agent/core/ip_address.h"
#include "agent/system/child.h"
#include "agent/system/link.h"
#include "agent/system/network_namespace.h"
#include "agent/system/user_namespace.h"
#include "runtimes/network/cni.h"
#include "runtimes/network/dhcp_daemon.h"
#include "runtimes/network/host_end.h"
#include "runtimes/network/interface_chain.h"
#include "runtimes/network/interfaces_file.h"
#include "runtimes/network/network.h"
#include "runtimes/network/reservations.h"
#include "runtimes/network/tagged_bridge.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

bool is_six(const std::string& address) {
  return address.find(':') != std::string::npos;
}

/// Servers send a gateway also to who has not asked for it, and the plugin makes it a route.
Result<json::Value> follow_no_gateway(const ContainerName& name, const std::string& interface,
                                      json::Value result, const system::Stop& stop) {
  const json::Value rest = without_default_route(result);
  if (rest != result) {
    TRY(run_ip(
        {"-n", Layout::netns(name).filename(), "route", "delete", "default", "dev", interface},
        stop));
  }
  return rest;
}

/// What the plugin's daemon says when its tries are over, if that is within the plugin's minute
/// (since containernetworking-plugins 1.6 it is not): another time there may be a server.
Failure as_no_answer(const Error& error, const NetworkSpec& spec) {
  constexpr std::string_view kTriesAreOver = "no more tries";
  if (error.code != Code::timed_out && error.message.find(kTriesAreOver) == std::string::npos) {
    return Failure(error);
  }
  return fail(Code::unavailable,
              "no DHCP server answers interface {} on {}{}; have one there, or choose an address",
              spec.interface, spec.bridge,
              spec.vlan != 0 ? fmt::format(" with VLAN {}", spec.vlan) : "");
}

}  // namespace

Networks::Networks(Layout layout, NetworkOptions options)
    : layout_(std::move(layout)),
      options_(std::move(options)),
      chains_(options_.plugin_folders, layout_.cni_chains(), layout_.dhcp_socket()) {}

ChainPlaces Networks::places() const {
  return {layout_.cni(), layout_.dhcp_socket(), options_.node};
}

Result<> Networks::add_namespace(const std::string& id, const Path& users,
                                 const system::Stop& stop) {
  if (users.empty()) {
    return run_ip({"netns", "add", id}, stop);
  }
  const system::UniqueFd owner = TRY(system::open_pinned_namespace(users));
  return system::with_network_namespace(owner, [&](pid_t inside) {
    return run_ip({"netns", "attach", id, std::to_string(inside)}, stop);
  });
}

Result<> Networks::make_namespace(const ContainerName& name, const system::Stop& stop,
                                  const Path& users) {
  const Path pin = Layout::netns(name);
  const std::string id = pin.filename();
  std::error_code error;
  if (std::filesystem::exists(pin, error)) {
    if (TRY(is_mount_root(pin)) && !users.empty()) {
      const system::UniqueFd owner = TRY(system::open_pinned_namespace(users));
      if (!TRY(system::belongs_to(pin, owner))) {
        TRY(remove_namespace(name, stop));
      }
    }
    if (TRY(is_mount_root(pin))) {
      return run_ip({"-n", id, "link", "set", "lo", "up"}, stop);
    }
    // A file that pins nothing is what a crash in the middle leaves.
    std::filesystem::remove(pin, error);
  }
  // With the first one after a boot ip has what is mounted in the folder seen in all mount
  // namespaces, as others who use it on the node expect.
  const bool has_folder = TRY(is_mount_root(pin.parent_path()));
  if (users.empty() && has_folder) {
    return system::make_pinned_network_namespace(pin);
  }
  TRY(add_namespace(id, users, stop));
  return run_ip({"-n", id, "link", "set", "lo", "up"}, stop);
}

Path Networks::pinned(const ContainerName& name) {
  std::error_code error;
  const Path pin = Layout::netns(name);
  return std::filesystem::exists(pin, error) ? pin : Path();
}

Result<> Networks::end_chains(const ContainerName& name, const std::string& job,
                              const system::Stop& stop) {
  for (const PluginChain& chain : kept_chains(layout_.cni_chains(), name.str())) {
    if (job.empty() || chain.job == job) {
      TRY(chains_.del(chain, pinned(name), stop));
    }
  }
  return {};
}

Result<> Networks::remove_namespace(const ContainerName& name, const system::Stop& stop) {
  TRY(end_chains(name, "", stop));
  const Path pin = pinned(name);
  return pin.empty() ? Result<>() : run_ip({"netns", "delete", pin.filename()}, stop);
}

std::optional<BridgeRange> Networks::range_of(const NetworkSpec& spec) const {
  if (spec.kind == NetworkKind::ptp) {
    return std::nullopt;
  }
  const auto configured =
      std::find_if(options_.ranges.begin(), options_.ranges.end(),
                   [&](const BridgeRange& candidate) { return candidate.bridge == spec.bridge; });
  if (configured != options_.ranges.end()) {
    return *configured;
  }
  const std::lock_guard lock(mutex_);
  const auto own = ranges_.find(spec.bridge);
  return own == ranges_.end() ? std::nullopt : std::optional(own->second);
}

void Networks::give_out(BridgeRange range) {
  if (!range.subnet.empty()) {
    const std::lock_guard lock(mutex_);
    ranges_.insert_or_assign(range.bridge, range);
  }
}

Result<> Networks::give_out_no_more(const std::string& bridge) {
  {
    const std::lock_guard lock(mutex_);
    ranges_.erase(bridge);
  }
  return system::remove_tree(layout_.cni() / network_name(bridge));
}

Path Networks::reservation(const NetworkSpec& spec) const {
  return layout_.cni() / network_name(spec) / address_of(spec.address);
}

Result<Attachment> Networks::attach(const ContainerName& name, const JobId& job,
                                    const NetworkSpec& asked, const std::optional<Lease>& lease,
                                    const system::Stop& stop,
                                    const std::vector<std::string>& others) {
  NetworkSpec spec = asked;
  if (lease) {
    spec.address = lease->address;
    spec.gateway = lease->gateway;
  }
  TRY(check(spec, stop));
  // Of another of this name, whose journal was lost: once it is written over nobody knows what its
  // ports led to. Before the address is reserved, because host-local gives back all of that name's.
  TRY(chains_.del_left(name.str(), spec.interface, pinned(name), stop));
  if (!spec.address.empty() && !lease) {
    const Path file = reservation(spec);
    TRY(reserve_address(file.parent_path(), file.filename(), {name.str(), spec.interface})
            .context(fmt::format("plug {} into bridge {}", spec.interface, spec.bridge)));
  }
  const std::optional<BridgeRange> range = range_of(spec);
  const std::string gateway = spec.dhcp ? "" : gateway_of(spec, range);
  const bool leads_out = !asked.gateway.empty() ||
                         std::none_of(others.begin(), others.end(), [&](const std::string& other) {
                           return is_six(other) == is_six(gateway);
                         });
  const bool bridged = spec.kind == NetworkKind::bridge;
  Joint joint;
  if (bridged) {
    joint = TRY(join(spec, stop));
  }
  const KeptSetting advertisements(
      bridged ? Path("/proc/sys/net/ipv6/conf") / joint.bridge / "accept_ra" : Path());
  const auto settle = [&](json::Value result) -> Result<json::Value> {
    if (spec.dhcp && !leads_out) {
      result = TRY(follow_no_gateway(name, spec.interface, std::move(result), stop));
    }
    const CniResult made = TRY(read_cni_result(result));
    if (made.host_interface.empty()) {
      return result;
    }
    const std::string end = TRY(settle_host_end(
        made.host_interface, host_name(name, spec.interface),
        fmt::format("drover:{}:{}", name.str(), job.str()), spec, joint.vlan, stop));
    if (bridged) {
      TRY(settle_learning(end, spec.bridge, made.mac, stop));
    }
    return with_host_interface(std::move(result), end);
  };
  PluginChain chain = chain_of(name, job, spec, range, lease, leads_out, places(), joint);
  if (spec.dhcp) {
    chain.lease_keeper = TRY(dhcp_daemon(layout_.dhcp_socket()));
  }
  Result<json::Value> added = chains_.add(std::move(chain), Layout::netns(name), settle, stop);
  if (!added && spec.dhcp) {
    added = as_no_answer(added.error(), spec);
  }
  const Result<CniResult> made = added ? read_cni_result(*added) : Failure(added.error());
  if (!made) {
    // A plugin that fails leaves what it had begun (CNI specification: DEL follows a failed ADD),
    // and so does one that was stopped in the middle.
    const system::Stop never;
    [[maybe_unused]] const Result<> detached = detach(name, job, asked, never);
    return Failure(made.error());
  }
  const bool has_gateway = leads_out && !made->address.empty();
  const std::string& known = spec.dhcp ? made->gateway : gateway;
  return Attachment{spec.interface,
                    made->host_interface,
                    spec.bridge,
                    made->address,
                    has_gateway ? known : "",
                    made->mac,
                    spec.dhcp ? resolvers_of(name, spec.interface, *made, stop) : DnsSpec()};
}

Result<> Networks::detach(const ContainerName& name, const JobId& job, const NetworkSpec& spec,
                          const system::Stop& stop) {
  // Only where nothing was kept: which bridge it is in does not matter to whoever takes it out.
  const PluginChain otherwise =
      chain_of(name, job, spec, range_of(spec), {}, true, places(), {spec.bridge, spec.vlan});
  TRY(chains_.del(otherwise, pinned(name), stop));
  if (!spec.address.empty()) {
    TRY(free_address(reservation(spec), {name.str(), spec.interface}));
  }
  // Without its namespace the plugin only gives the address back.
  remove_link(host_name(name, spec.interface), stop);
  return {};
}

Result<> Networks::mend(const ContainerName& name, const std::string& interface,
                        const system::Stop& stop, const std::set<std::string>& lost) {
  const auto clear = [&stop](const std::string& type, const json::Value& result) -> Result<> {
    const Result<CniResult> made = read_cni_result(result);
    if (type == kBandwidthPlugin && made) {
      remove_limits(made->host_interface, stop);
    }
    return {};
  };
  return chains_.mend(name.str(), interface, pinned(name), clear, stop, lost)
      .context(fmt::format("interface {} of container {}", interface, name.str()));
}

Result<> Networks::plug_in_again(const Attachment& attachment, std::uint32_t vlan,
                                 const system::Stop& stop) const {
  const std::string& end = attachment.host_interface;
  if (end.empty()) {
    return {};
  }
  const std::optional<system::Link> link = TRY(system::look_at_link(end));
  if (!link || link->plugged) {
    return {};
  }
  const Joint joint = TRY(join({.bridge = attachment.bridge, .vlan = vlan}, stop));
  TRY(run_ip({"link", "set", "dev", end, "master", joint.bridge}, stop));
  if (joint.vlan != 0) {
    TRY(system::run_ok({"bridge", "vlan", "add", "vid", std::to_string(joint.vlan), "pvid",
                        "untagged", "dev", end},
                       stop));
  }
  TRY(close_default_vlan(end, joint.vlan, stop));
  return settle_learning(end, attachment.bridge, attachment.mac, stop);
}

Result<> Networks::settle_learning(const std::string& end, const std::string& bridge,
                                   const std::string& mac, const system::Stop& stop) const {
  return !mac.empty() && learns_no_addresses(options_.interfaces_file, bridge)
             ? send_by_address_only(end, mac, stop)
             : Result<>();
}

Result<std::vector<FoundInterface>> Networks::inventory(const system::Stop& stop) const {
  const std::string text =
      TRY(system::run_ok({"ip", "-json", "link", "show", "type", "veth"}, stop));
  // Older versions say nothing at all when there is none.
  const json::Value links = TRY(json::parse(text.empty() ? "[]" : text).context("read ip link"));
  std::vector<FoundInterface> found;
  if (const json::Array* array = links.array()) {
    for (const json::Value& link : *array) {
      constexpr std::string_view kPrefix = "drover:";
      std::string_view alias = link.at("ifalias").string_or("");
      const std::size_t colon = alias.rfind(':');
      if (!alias.starts_with(kPrefix) || colon < kPrefix.size()) {
        continue;
      }
      found.push_back({std::string(link.at("ifname").string_or("")),
                       std::string(alias.substr(kPrefix.size(), colon - kPrefix.size())),
                       std::string(alias.substr(colon + 1))});
    }
  }
  return found;
}

}  // namespace drover::runtimes
