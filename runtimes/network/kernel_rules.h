// What CNI plugins have told iptables for a container, and whether it is there still: an admin, or
// a firewall's reload, may have flushed it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "runtimes/network/plugin_chain.h"

namespace drover::runtimes {

/// All tables of iptables, or of ip6tables, line by line as iptables-save(8) writes them.
using KernelRules = std::vector<std::string>;
Result<KernelRules> read_kernel_rules(bool six, const system::Stop& stop);

/// Whether the chain's interface has an IPv6 address, so that its rules are ip6tables'.
bool has_six(const PluginChain& chain);

/// Whether any of the chain's plugins has rules there, which portmap and firewall do, and all have
/// been called.
bool has_kernel_rules(const PluginChain& chain);

/// The types of those of them that miss some of their rules in `lines`: of portmap its container's
/// and what leads to them and translates addresses, of firewall the same and what is let through.
/// As the plugins of containernetworking-plugins 1.1 to 1.6 write them with their backend iptables
/// (portmap.go, iptables.go, ingresspolicy.go).
std::set<std::string> lost_plugins(const PluginChain& chain, const KernelRules& lines);

}  // namespace drover::runtimes
