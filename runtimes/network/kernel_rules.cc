#include "runtimes/network/kernel_rules.h"

#include <algorithm>

#include "agent/core/ip_address.h"
#include "agent/core/split.h"
#include "agent/system/child.h"
#include "runtimes/network/cni.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kPortmap = "portmap";
constexpr std::string_view kFirewall = "firewall";

std::string type_of(const json::Value& plugin) {
  return std::string(plugin.at("type").string_or(""));
}

/// A rule of a chain that begins with `chain` and goes to a target that begins with `target`, with
/// all of `words`. What is to be whole ends with a space.
bool has_rule(const KernelRules& lines, std::string_view chain, std::string_view target,
              const std::vector<std::string>& words = {}) {
  const std::string begin = fmt::format("-A {}", chain);
  const std::string end = fmt::format(" -j {}", target);
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    if (!line.starts_with(begin)) {
      return false;
    }
    const std::string whole = line + " ";
    return whole.find(end) != std::string::npos &&
           std::all_of(words.begin(), words.end(), [&whole](const std::string& word) {
             return whole.find(word) != std::string::npos;
           });
  });
}

std::string address_in_result(const PluginChain& chain) {
  const Result<CniResult> made =
      chain.results.empty() ? fail(Code::broken, "") : read_cni_result(chain.results.back());
  return made ? address_of(made->address) : "";
}

bool has_ports(const PluginChain& chain, const json::Value& plugin, const KernelRules& lines) {
  const std::string address = address_in_result(chain);
  const std::string inside = has_six(chain) ? "[" + address + "]" : address;
  const std::string id = fmt::format(R"(id: \"{}\")", chain.container);
  const std::string name = fmt::format(R"(name: \"{}\")", chain.network);
  if (!has_rule(lines, "PREROUTING ", "CNI-HOSTPORT-DNAT") ||
      !has_rule(lines, "OUTPUT ", "CNI-HOSTPORT-DNAT") ||
      !has_rule(lines, "POSTROUTING ", "CNI-HOSTPORT-MASQ") ||
      !has_rule(lines, "CNI-HOSTPORT-MASQ ", "MASQUERADE") ||
      !has_rule(lines, "CNI-HOSTPORT-DNAT ", "CNI-DN-", {id, name})) {
    return false;
  }
  const json::Array* const ports = plugin.at("runtimeConfig").at("portMappings").array();
  return ports == nullptr ||
         std::all_of(ports->begin(), ports->end(), [&](const json::Value& port) {
           return has_rule(lines, "CNI-DN-", "DNAT",
                           {fmt::format(" -p {} ", port.at("protocol").string_or("tcp")),
                            fmt::format(" --dport {} ", port.at("hostPort").integer_or(0)),
                            fmt::format(" --to-destination {}:{} ", inside,
                                        port.at("containerPort").integer_or(0))});
         });
}

bool lets_through(const PluginChain& chain, const json::Value& plugin, const KernelRules& lines) {
  const std::string host = address_in_result(chain) + (has_six(chain) ? "/128" : "/32");
  const bool apart = plugin.at("ingressPolicy").string_or("") == "same-bridge";
  return has_rule(lines, "FORWARD ", "CNI-FORWARD") &&
         has_rule(lines, "CNI-FORWARD ", "ACCEPT", {" -s " + host + " "}) &&
         has_rule(lines, "CNI-FORWARD ", "ACCEPT", {" -d " + host + " "}) &&
         (!apart || has_rule(lines, "FORWARD ", "CNI-ISOLATION-STAGE-1"));
}

}  // namespace

Result<KernelRules> read_kernel_rules(bool six, const system::Stop& stop) {
  const std::string saved = TRY(system::run_ok({six ? "ip6tables-save" : "iptables-save"}, stop));
  return split(saved, "\n");
}

bool has_six(const PluginChain& chain) {
  return address_in_result(chain).find(':') != std::string::npos;
}

bool has_kernel_rules(const PluginChain& chain) {
  return chain.results.size() == chain.plugins.size() &&
         std::any_of(chain.plugins.begin(), chain.plugins.end(), [](const json::Value& plugin) {
           return type_of(plugin) == kPortmap || type_of(plugin) == kFirewall;
         });
}

std::set<std::string> lost_plugins(const PluginChain& chain, const KernelRules& lines) {
  std::set<std::string> lost;
  for (const json::Value& plugin : chain.plugins) {
    const std::string type = type_of(plugin);
    const bool whole = type == kPortmap    ? has_ports(chain, plugin, lines)
                       : type == kFirewall ? lets_through(chain, plugin, lines)
                                           : true;
    if (!whole) {
      lost.insert(type);
    }
  }
  return lost;
}

}  // namespace drover::runtimes
