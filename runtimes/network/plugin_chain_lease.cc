// Of chains whose address is a DHCP server's: the plugin that gives the link calls the plugin dhcp,
// which has its daemon ask. In between it is called by itself.
#include <algorithm>

#include "agent/system/log.h"
#include "runtimes/network/cni.h"
#include "runtimes/network/dhcp_daemon.h"
#include "runtimes/network/leased_address.h"
#include "runtimes/network/plugin_chain.h"

namespace drover::runtimes {
namespace {

const json::Value& ipam_of(const PluginChain& chain) {
  return chain.plugins.front().at("ipam");
}

bool is_default(const json::Value& route) {
  return route.at("dst").string_or("") == "0.0.0.0/0";
}

json::Array array_at(const json::Value& value, std::string_view key) {
  const json::Array* const array = value.at(key).array();
  return array == nullptr ? json::Array() : *array;
}

std::string address_in(const json::Value& result) {
  const json::Array ips = array_at(result, "ips");
  return ips.empty() ? "" : std::string(ips.front().at("address").string_or(""));
}

/// The result of the plugin that gives the link, with another lease.
Result<json::Value> with_lease(const json::Value& before, const json::Value& lease,
                               bool leads_out) {
  const json::Array given = array_at(lease, "ips");
  json::Array ips = array_at(before, "ips");
  json::Value result = before;
  if (given.empty() || ips.empty() || ips.front().object() == nullptr ||
      result.object() == nullptr) {
    return fail(Code::broken, "the CNI plugin dhcp answered without an address: {}",
                json::write(lease).substr(0, 300));
  }
  json::Object& ip = *ips.front().object();
  for (const std::string_view key : {"address", "gateway"}) {
    ip.set(key, given.front().at(key));
  }
  result.object()->set("ips", std::move(ips));
  result.object()->set("routes", array_at(lease, "routes"));
  return leads_out ? result : without_default_route(std::move(result));
}

}  // namespace

bool is_leased(const PluginChain& chain) {
  return !chain.plugins.empty() && ipam_of(chain).at("type").string_or("") == kDhcpPlugin;
}

bool is_led_out_by_lease(const PluginChain& chain) {
  return is_leased(chain) && ipam_of(chain).at("request").is_null();
}

json::Value without_default_route(json::Value result) {
  json::Array routes = array_at(result, "routes");
  std::erase_if(routes, is_default);
  if (json::Object* const members = result.object(); members != nullptr) {
    members->set("routes", std::move(routes));
  }
  return result;
}

std::string place_of(const PluginChain& chain) {
  if (!chain.place.empty()) {
    return chain.place;
  }
  constexpr std::string_view kPrefix = "drover-";
  return chain.network.substr(chain.network.starts_with(kPrefix) ? kPrefix.size() : 0);
}

Result<json::Value> ChainRunner::call_lease(std::string_view command, const PluginChain& chain,
                                            const system::Path& netns,
                                            const system::Stop& stop) const {
  PluginChain alone = chain;
  if (json::Object* const members = alone.plugins.front().object(); members != nullptr) {
    members->set("type", kDhcpPlugin);
  }
  return call(command, alone, 0, nullptr, netns, stop);
}

void ChainRunner::give_lease_back(const PluginChain& chain, const system::Path& netns,
                                  const system::Stop& stop) const {
  Result<> given_back = {};
  if (const Result<std::string> daemon = dhcp_daemon(dhcp_socket_); !daemon) {
    given_back = Failure(daemon.error());
  } else if (const Result<json::Value> told = call_lease("DEL", chain, netns, stop); !told) {
    given_back = Failure(told.error());
  }
  if (!given_back) {
    system::log_warning(
        "give the lease of interface {} of container {} back: {}; its DHCP server keeps it until "
        "it ends",
        chain.interface, chain.container, given_back.error().message);
  }
}

Result<> ChainRunner::del_first(const PluginChain& chain, const json::Value* before,
                                const system::Path& netns, const system::Stop& stop) const {
  PluginChain rest = chain;
  if (is_leased(chain)) {
    if (!chain.lease_keeper.empty() && chain.lease_keeper != kNobody) {
      give_lease_back(chain, netns, stop);
    }
    // It gives nothing back: the plugin would ask the daemon once more, which may not be there.
    rest.plugins.front().object()->set("ipam", json::Object{{"type", "static"}});
  }
  TRY(call("DEL", rest, 0, before, netns, stop));
  return {};
}

Result<json::Value> ChainRunner::lease_again(const std::string& container,
                                             const std::string& interface,
                                             const system::Path& netns, const Apply& apply,
                                             const system::Stop& stop) {
  PluginChain chain = TRY(kept(container, interface));
  if (!is_leased(chain) || chain.results.size() != chain.plugins.size()) {
    return fail(Code::not_found, "interface {} of container {} has no lease", interface, container);
  }
  const std::string keeper = TRY(dhcp_daemon(dhcp_socket_));
  if (keeper == chain.lease_keeper) {
    give_lease_back(chain, netns, stop);
    // The daemon sets the interface up before it asks, and leaves it so where no server answers:
    // nothing else would tell at the next look that nobody keeps the lease.
    chain.lease_keeper = kNobody;
    TRY(keep(chain));
  }
  const json::Value lease = TRY(call_lease("ADD", chain, netns, stop));
  const json::Value before = chain.results.front();
  const json::Value now = TRY(with_lease(before, lease, is_led_out_by_lease(chain)));
  if (const Result<> may_have = check_leased_address(chain, now, stop); !may_have) {
    give_lease_back(chain, netns, stop);
    chain.lease_keeper = kNobody;
    TRY(keep(chain));
    return Failure(may_have.error());
  }
  TRY(apply(before, now));
  const bool moved = address_in(before) != address_in(now);
  for (std::size_t plugin = chain.plugins.size(); moved && plugin > 1; --plugin) {
    TRY(call("DEL", chain, plugin - 1, &chain.results.back(), netns, stop));
  }
  chain.lease_keeper = keeper;
  chain.results.front() = now;
  for (std::size_t plugin = 1; moved && plugin < chain.plugins.size(); ++plugin) {
    chain.results.at(plugin) =
        TRY(call("ADD", chain, plugin, &chain.results.at(plugin - 1), netns, stop));
  }
  TRY(keep(chain));
  return now;
}

}  // namespace drover::runtimes
