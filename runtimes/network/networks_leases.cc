// Of interfaces whose address a DHCP server gives: whether somebody keeps the lease, and what is
// done when nobody does.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/ip_address.h"
#include "agent/system/child.h"
#include "agent/system/log.h"
#include "runtimes/network/cni.h"
#include "runtimes/network/dhcp_daemon.h"
#include "runtimes/network/dhcp_inform.h"
#include "runtimes/network/host_end.h"
#include "runtimes/network/network.h"

namespace drover::runtimes {
namespace {

/// In a container's namespace; true also for one that is not there, which is no lease's matter.
Result<bool> is_up_inside(const ContainerName& name, const std::string& interface,
                          const system::Stop& stop) {
  const system::Output output = TRY(system::run(
      {"ip", "-n", Layout::netns(name).filename(), "-json", "link", "show", "dev", interface},
      stop));
  const Result<json::Value> links = json::parse(output.out);
  if (output.ending.code != 0 || !links || links->array() == nullptr || links->array()->empty()) {
    return true;
  }
  const json::Array* const flags = links->array()->front().at("flags").array();
  return flags == nullptr || std::any_of(flags->begin(), flags->end(), [](const json::Value& flag) {
           return flag.string_or("") == "UP";
         });
}

/// The address first: a route's gateway has to be in reach. That of an interface that was set down
/// is there still, its routes are not.
Result<> apply_lease(const ContainerName& name, const std::string& interface,
                     const json::Value& before, const json::Value& now, const system::Stop& stop) {
  const std::string had = TRY(read_cni_result(before)).address;
  const std::string has = TRY(read_cni_result(now)).address;
  const auto ip = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"-n", Layout::netns(name).filename()});
    words.insert(words.end(), {"dev", interface});
    return run_ip(std::move(words), stop);
  };
  if (had != has) {
    // Before: of two in one subnet the second goes with the first. Where a program that may change
    // its network has taken it away, there is none.
    [[maybe_unused]] const Result<> deleted = ip({"address", "delete", had});
  }
  TRY(ip({"address", "replace", has, "broadcast", "+"}));
  const json::Array* const routes = now.at("routes").array();
  for (const json::Value& route : routes == nullptr ? json::Array() : *routes) {
    std::vector<std::string> words{"route", "replace", std::string(route.at("dst").string_or(""))};
    if (const std::string gateway(route.at("gw").string_or(""));
        !gateway.empty() && gateway != "0.0.0.0") {
      words.insert(words.end(), {"via", gateway});
    }
    TRY(ip(std::move(words)));
  }
  return {};
}

}  // namespace

Result<> Networks::check_lease(const NetworkSpec& spec) const {
  if (!spec.dhcp) {
    return {};
  }
  const Result<std::string> daemon = dhcp_daemon(layout_.dhcp_socket());
  return daemon ? Result<>()
                : fail(Code::refused, "networks.address: \"{}\" of interface {}: {}",
                       kAddressByDhcp, spec.interface, daemon.error().message);
}

DnsSpec Networks::resolvers_of(const ContainerName& name, const std::string& interface,
                               const CniResult& made, const system::Stop& stop) const {
  Result<DnsSpec> dns =
      ask_for_resolvers(Layout::netns(name), interface, address_of(made.address), made.mac, stop);
  if (!dns) {
    system::log_info("container {} has the node's resolvers: {}", name.str(), dns.error().message);
  }
  return dns.value_or(DnsSpec());
}

Result<std::vector<LostLease>> Networks::lost_leases(const system::Stop& stop,
                                                     const std::string& container) const {
  std::vector<LostLease> lost;
  const Result<std::string> daemon = dhcp_daemon(layout_.dhcp_socket());
  for (const Path& folder : system::children_of(layout_.cni_chains())) {
    const Result<ContainerName> name = ContainerName::parse(folder.filename().native());
    if (!name || (!container.empty() && name->str() != container)) {
      continue;
    }
    for (const PluginChain& chain : kept_chains(layout_.cni_chains(), name->str())) {
      const bool whole = chain.results.size() == chain.plugins.size();
      if (!is_leased(chain) || !whole || pinned(*name).empty()) {
        continue;
      }
      std::string why;
      if (!daemon) {
        why = daemon.error().message;
      } else if (chain.lease_keeper == kNobody) {
        why = "it was given up, and no DHCP server has given one since that it can have";
      } else if (*daemon != chain.lease_keeper) {
        why = "the daemon that had got it is no more, and the one that is there now knows of none";
      } else if (!TRY(is_up_inside(*name, chain.interface, stop))) {
        why = "it has run out, and the daemon has set the interface down";
      }
      if (!why.empty()) {
        lost.push_back({chain.container, chain.interface, place_of(chain), std::move(why)});
      }
    }
  }
  return lost;
}

Result<Lease> Networks::lease_again(const ContainerName& name, const std::string& interface,
                                    const system::Stop& stop) {
  const auto apply = [&](const json::Value& before, const json::Value& now) {
    return apply_lease(name, interface, before, now, stop);
  };
  const json::Value result =
      TRY(chains_.lease_again(name.str(), interface, Layout::netns(name), apply, stop)
              .context(fmt::format("interface {} of container {}", interface, name.str())));
  const CniResult made = TRY(read_cni_result(result));
  return Lease{made.address, made.gateway, made.mac, resolvers_of(name, interface, made, stop)};
}

}  // namespace drover::runtimes
