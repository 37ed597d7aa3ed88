#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "agent/core/ip_address.h"
#include "agent/core/stable_hash.h"
#include "agent/system/child.h"
#include "agent/system/link.h"
#include "runtimes/network/cni.h"
#include "runtimes/network/network.h"
#include "runtimes/network/reservations.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::runtimes {
namespace {

/// A name of at most 15 bytes (IFNAMSIZ) that the same interface of the same container always gets.
/// It begins as those of Proxmox's guests do ("veth100i0", which no number in hexadecimal is),
/// because whenever the network is applied its ifupdown2 takes all other ports out of the bridges
/// that are not configured to be there.
std::string host_name(const ContainerName& name, const std::string& interface) {
  const std::uint64_t hash = stable_hash(name.str() + "/" + interface);
  return fmt::format("veth{:011x}", hash >> 20U);
}

/// What the plugins are told; host-local keeps its addresses in a folder of this name.
std::string network_name(const std::string& bridge) {
  return "drover-" + bridge;
}

Result<> ip(std::vector<std::string> arguments, const system::Stop& stop) {
  arguments.insert(arguments.begin(), "ip");
  TRY(system::run_ok(arguments, stop));
  return {};
}

/// An end that was given a VLAN is in the bridge's default one, too, which is not the container's.
Result<> close_default_vlan(const std::string& end, std::uint32_t vlan, const system::Stop& stop) {
  if (vlan > 1) {
    TRY(system::run_ok({"bridge", "vlan", "del", "vid", "1", "dev", end}, stop));
  }
  return {};
}

/// One that is not there is as good.
void remove_link(const std::string& name, const system::Stop& stop) {
  [[maybe_unused]] const Result<> removed = ip({"link", "delete", "dev", name}, stop);
}

/// The bridge plugin turns router advertisements off on the bridge it is given, which on a node is
/// somebody else's setting: it is put back.
class KeptSetting {
 public:
  explicit KeptSetting(Path file) : file_(std::move(file)) { std::ifstream(file_) >> value_; }
  ~KeptSetting() {
    if (!value_.empty()) {
      std::ofstream(file_) << value_;
    }
  }
  KeptSetting(const KeptSetting&) = delete;
  KeptSetting& operator=(const KeptSetting&) = delete;

 private:
  Path file_;
  std::string value_;
};

/// What a user can do about a bridge that does not filter VLANs, on such a node.
std::string how_to_filter(const std::string& bridge, const json::Value& link, bool with_proxmox) {
  if (with_proxmox) {
    return fmt::format("tick \"VLAN aware\" of {} in Proxmox (System, Network)", bridge);
  }
  if (link.at("ifalias").string_or("").starts_with("drover:network:")) {
    return fmt::format(
        "make it anew so that it does: drover network rm {0}, then drover network ensure {0} "
        "--vlan-aware",
        bridge);
  }
  return fmt::format(
      "let it (ip link set dev {} type bridge vlan_filtering 1), or use one that Drover has made "
      "(drover network ensure NAME --vlan-aware)",
      bridge);
}

/// Asks by netlink and not by /sys, which shows the interfaces of whoever mounted it.
Result<> check_bridge(const NetworkSpec& spec, bool with_proxmox, const system::Stop& stop) {
  const std::string what = fmt::format("plug {} into bridge {}", spec.interface, spec.bridge);
  const system::Output output =
      TRY(system::run({"ip", "-details", "-json", "address", "show", "dev", spec.bridge}, stop));
  const Result<json::Value> links = json::parse(output.out);
  const json::Value* link = nullptr;
  if (output.ending.code == 0 && links && links->array() != nullptr && !links->array()->empty()) {
    link = &links->array()->front();
  }
  if (link == nullptr || link->at("linkinfo").at("info_kind").string_or("") != "bridge") {
    return fail(
        Code::not_found, "{}: this node has no such bridge{}", what,
        with_proxmox ? "" : fmt::format("; drover network ensure {} makes one", spec.bridge));
  }
  const json::Value& data = link->at("linkinfo").at("info_data");
  if (spec.vlan != 0 && !data.at("vlan_filtering").boolean_or(false)) {
    return fail(Code::refused, "{} with VLAN {}: the bridge does not filter VLANs; {}", what,
                spec.vlan, how_to_filter(spec.bridge, *link, with_proxmox));
  }
  const json::Array* addresses = link->at("addr_info").array();
  for (const json::Value& own : addresses != nullptr ? *addresses : json::Array()) {
    if (!spec.address.empty() &&
        address_of(std::string(own.at("local").string_or(""))) == address_of(spec.address)) {
      return fail(Code::conflict, "{}: address {} is the bridge's own: choose another", what,
                  address_of(spec.address));
    }
  }
  return {};
}

}  // namespace

Networks::Networks(Layout layout, NetworkOptions options)
    : layout_(std::move(layout)), options_(std::move(options)) {}

Result<> Networks::make_namespace(const ContainerName& name, const system::Stop& stop) {
  const Path pinned = Layout::netns(name);
  const std::string id = pinned.filename();
  std::error_code error;
  if (std::filesystem::exists(pinned, error)) {
    if (TRY(is_mounted(pinned))) {
      return ip({"-n", id, "link", "set", "lo", "up"}, stop);
    }
    // A file that pins nothing is what a crash in the middle leaves.
    std::filesystem::remove(pinned, error);
  }
  TRY(ip({"netns", "add", id}, stop));
  return ip({"-n", id, "link", "set", "lo", "up"}, stop);
}

Result<> Networks::remove_namespace(const ContainerName& name, const system::Stop& stop) {
  const Path pinned = Layout::netns(name);
  std::error_code error;
  if (!std::filesystem::exists(pinned, error)) {
    return {};
  }
  return ip({"netns", "delete", pinned.filename()}, stop);
}

std::optional<BridgeRange> Networks::range_on(const std::string& bridge) const {
  const auto configured =
      std::find_if(options_.ranges.begin(), options_.ranges.end(),
                   [&](const BridgeRange& candidate) { return candidate.bridge == bridge; });
  if (configured != options_.ranges.end()) {
    return *configured;
  }
  const std::lock_guard lock(mutex_);
  const auto own = ranges_.find(bridge);
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

Result<json::Value> Networks::plugin_config(const NetworkSpec& spec) const {
  const std::optional<BridgeRange> range = range_on(spec.bridge);
  const bool has_range = range.has_value();
  std::string gateway = spec.gateway;
  // One of another subnet than the address is no gateway for it.
  if (gateway.empty() && has_range &&
      (spec.address.empty() || overlap(spec.address, range->subnet))) {
    gateway = range->gateway;
  }
  json::Object ipam;
  if (!spec.address.empty()) {
    json::Object address{{"address", spec.address}};
    if (!gateway.empty()) {
      address.set("gateway", gateway);
    }
    ipam = {{"type", "static"}, {"addresses", json::Array{std::move(address)}}};
  } else if (has_range) {
    json::Object subnet{{"subnet", range->subnet}};
    for (const auto& [key, value] :
         {std::pair<const char*, const std::string*>{"rangeStart", &range->first},
          {"rangeEnd", &range->last},
          {"gateway", &gateway}}) {
      if (!value->empty()) {
        subnet.set(key, *value);
      }
    }
    ipam = {{"type", "host-local"},
            {"dataDir", layout_.cni().native()},
            {"ranges", json::Array{json::Value(json::Array{std::move(subnet)})}}};
  }
  if (!ipam.empty() && !gateway.empty()) {
    const bool six = gateway.find(':') != std::string::npos;
    ipam.set("routes", json::Array{json::Object{{"dst", six ? "::/0" : "0.0.0.0/0"}}});
  }
  json::Object config{{"cniVersion", "1.0.0"},
                      {"name", network_name(spec.bridge)},
                      {"type", "bridge"},
                      {"bridge", spec.bridge},
                      {"ipam", std::move(ipam)}};
  if (spec.vlan != 0) {
    config.set("vlan", std::int64_t{spec.vlan});
  }
  return json::Value(std::move(config));
}

Result<> Networks::settle_host_end(const std::string& made, const std::string& name,
                                   const std::string& alias, const NetworkSpec& spec,
                                   const system::Stop& stop) const {
  // One of this name can only be left from a namespace whose end the kernel has not seen to yet.
  remove_link(name, stop);
  // A link is renamed while it is down only (before Linux 6.2 always).
  TRY(ip({"link", "set", "dev", made, "down"}, stop));
  TRY(ip({"link", "set", "dev", made, "name", name, "alias", alias}, stop));
  // As Proxmox does with its own veths: the host has no business with addresses on this end.
  std::ofstream(Path("/proc/sys/net/ipv6/conf") / name / "disable_ipv6") << 1;
  TRY(close_default_vlan(name, spec.vlan, stop));
  return ip({"link", "set", "dev", name, "up"}, stop);
}

Result<> Networks::check_address(const NetworkSpec& spec) const {
  if (spec.address.empty()) {
    return {};
  }
  const std::string what =
      fmt::format("interface {} with address {}", spec.interface, spec.address);
  if (!is_assignable(spec.address)) {
    return fail(Code::invalid,
                "{}: no host can have it; give neither the subnet's own nor its broadcast address",
                what);
  }
  const std::optional<BridgeRange> range = range_on(spec.bridge);
  const bool bounded = range && spec.vlan == 0;
  if (bounded && subnet_of(spec.address) != subnet_of(range->subnet)) {
    return fail(Code::invalid,
                "{}: bridge {} has the subnet {}; give an address of that, with its "
                "prefix length",
                what, spec.bridge, subnet_of(range->subnet));
  }
  for (const std::string& gateway : {spec.gateway, bounded ? range->gateway : std::string()}) {
    if (address_of(gateway) == address_of(spec.address)) {
      return fail(Code::invalid, "{}: it is the gateway's; choose another", what);
    }
  }
  return {};
}

Result<> Networks::check(const NetworkSpec& spec, const system::Stop& stop) const {
  TRY(check_address(spec));
  return check_bridge(spec, options_.with_proxmox, stop);
}

Result<> Networks::check_gateway(const NetworkSpec& spec) const {
  if (spec.gateway.empty() || !spec.address.empty() || range_on(spec.bridge)) {
    return {};
  }
  return fail(Code::invalid,
              "interface {} with gateway {}: bridge {} gives out no addresses; give one (address)",
              spec.interface, spec.gateway, spec.bridge);
}

Path Networks::reservation(const NetworkSpec& spec) const {
  return layout_.cni() / network_name(spec.bridge) / address_of(spec.address);
}

Result<Attachment> Networks::attach(const ContainerName& name, const JobId& job,
                                    const NetworkSpec& asked, const std::optional<Lease>& lease,
                                    const system::Stop& stop) {
  NetworkSpec spec = asked;
  if (lease) {
    spec.address = lease->address;
    spec.gateway = lease->gateway;
  }
  TRY(check(spec, stop));
  if (!spec.address.empty() && !lease) {
    const Path file = reservation(spec);
    TRY(reserve_address(file.parent_path(), file.filename(), {name.str(), spec.interface})
            .context(fmt::format("plug {} into bridge {}", spec.interface, spec.bridge)));
  }
  json::Value config = TRY(plugin_config(spec));
  if (lease) {
    config.object()->set("args", json::Object{{"cni", json::Object{{"mac", lease->mac}}}});
  }
  const KeptSetting advertisements(Path("/proc/sys/net/ipv6/conf") / spec.bridge / "accept_ra");
  const std::string host = host_name(name, spec.interface);
  const auto plug = [&]() -> Result<Attachment> {
    const json::Value answer =
        TRY(call_cni({"ADD", name.str(), Layout::netns(name), spec.interface, std::move(config)},
                     options_.plugin_folders, stop));
    CniResult made = TRY(read_cni_result(answer));
    TRY(settle_host_end(made.host_interface, host,
                        fmt::format("drover:{}:{}", name.str(), job.str()), spec, stop));
    return Attachment{spec.interface,
                      host,
                      spec.bridge,
                      made.address,
                      spec.gateway.empty() || made.address.empty() ? made.gateway : spec.gateway,
                      made.mac};
  };
  Result<Attachment> plugged = plug();
  if (!plugged) {
    // A plugin that fails leaves what it had begun (CNI specification: DEL follows a failed ADD),
    // and so does one that was stopped in the middle.
    const system::Stop never;
    [[maybe_unused]] const Result<> detached = detach(name, job, asked, never);
  }
  return plugged;
}

Result<> Networks::detach(const ContainerName& name, const JobId&, const NetworkSpec& spec,
                          const system::Stop& stop) {
  json::Value config = TRY(plugin_config(spec));
  std::error_code error;
  const Path pinned = Layout::netns(name);
  const bool there = std::filesystem::exists(pinned, error);
  TRY(call_cni({"DEL", name.str(), there ? pinned : Path(), spec.interface, std::move(config)},
               options_.plugin_folders, stop));
  if (!spec.address.empty()) {
    TRY(free_address(reservation(spec), {name.str(), spec.interface}));
  }
  // Without its namespace the plugin only gives the address back.
  remove_link(host_name(name, spec.interface), stop);
  return {};
}

Result<> Networks::plug_in_again(const Attachment& attachment, std::uint32_t vlan,
                                 const system::Stop& stop) const {
  const std::string& end = attachment.host_interface;
  const std::optional<system::Link> link = TRY(system::look_at_link(end));
  if (!link || link->plugged) {
    return {};
  }
  TRY(ip({"link", "set", "dev", end, "master", attachment.bridge}, stop));
  if (vlan != 0) {
    TRY(system::run_ok(
        {"bridge", "vlan", "add", "vid", std::to_string(vlan), "pvid", "untagged", "dev", end},
        stop));
  }
  return close_default_vlan(end, vlan, stop);
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
