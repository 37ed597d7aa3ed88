#include "runtimes/network/plugin_chain.h"

#include <algorithm>
#include <utility>

#include "agent/core/json_members.h"
#include "agent/system/log.h"
#include "runtimes/network/cni.h"
#include "runtimes/network/leased_address.h"

namespace drover::runtimes {
namespace {

/// Before it neither DEL was told what ADD had answered, nor was there CHECK.
constexpr std::string_view kBeforeCheck = "0.3.1";
constexpr std::string_view kNewestVersion = "1.0.0";

json::Array copied(const std::vector<json::Value>& values) {
  return {values.begin(), values.end()};
}

std::vector<json::Value> values_of(const json::Value& array) {
  const json::Array* values = array.array();
  return values == nullptr ? std::vector<json::Value>()
                           : std::vector<json::Value>(values->begin(), values->end());
}

/// With those that give out addresses for it.
std::vector<std::string> types_of(const PluginChain& chain) {
  std::vector<std::string> types;
  for (const json::Value& plugin : chain.plugins) {
    types.emplace_back(plugin.at("type").string_or(""));
    if (const std::string_view ipam = plugin.at("ipam").at("type").string_or(""); !ipam.empty()) {
      types.emplace_back(ipam);
    }
  }
  return types;
}

Result<PluginChain> read_chain(const system::Path& file) {
  const std::string text = TRY(system::read_file(file, std::size_t{1} << 20));
  const json::Value value = TRY(json::parse(text));
  return plugin_chain_from_json(value);
}

}  // namespace

json::Value to_json(const PluginChain& chain) {
  json::Object object{{"container", chain.container},    {"job", chain.job},
                      {"interface", chain.interface},    {"network", chain.network},
                      {"cniVersion", chain.version},     {"plugins", copied(chain.plugins)},
                      {"results", copied(chain.results)}};
  set_unless_empty(object, "lease_keeper", chain.lease_keeper);
  set_unless_empty(object, "place", chain.place);
  return object;
}

Result<PluginChain> plugin_chain_from_json(const json::Value& value) {
  const auto text = [&](std::string_view key) { return std::string(value.at(key).string_or("")); };
  PluginChain chain{text("container"),
                    text("job"),
                    text("interface"),
                    text("network"),
                    text("cniVersion"),
                    values_of(value.at("plugins")),
                    values_of(value.at("results")),
                    text("lease_keeper"),
                    text("place")};
  if (chain.container.empty() || chain.interface.empty() || chain.plugins.empty() ||
      chain.results.size() > chain.plugins.size()) {
    return fail(Code::broken, "what was kept of a network's plugins is none of a chain: {}",
                json::write(value).substr(0, 300));
  }
  return chain;
}

system::Path chain_file(const system::Path& folder, const std::string& container,
                        const std::string& interface) {
  return folder / container / interface;
}

std::vector<PluginChain> kept_chains(const system::Path& folder, const std::string& container) {
  std::vector<PluginChain> chains;
  for (const system::Path& file : system::children_of(folder / container)) {
    Result<PluginChain> chain = read_chain(file);
    if (chain && chain->container == container && chain->interface == file.filename()) {
      chains.push_back(std::move(*chain));
    }
  }
  return chains;
}

Result<> ChainRunner::keep(const PluginChain& chain) const {
  const system::Path file = chain_file(kept_, chain.container, chain.interface);
  TRY(system::make_folders(file.parent_path(), 0700));
  return system::write_atomically(file, json::write(to_json(chain)), 0600);
}

Result<PluginChain> ChainRunner::kept(const std::string& container,
                                      const std::string& interface) const {
  return read_chain(chain_file(kept_, container, interface));
}

Result<json::Value> ChainRunner::call(std::string_view command, const PluginChain& chain,
                                      std::size_t plugin, const json::Value* before,
                                      const system::Path& netns, const system::Stop& stop) const {
  json::Value config = chain.plugins.at(plugin);
  json::Object* const members = config.object();
  if (members == nullptr) {
    return fail(Code::broken, "a CNI plugin's configuration is no object: {}",
                json::write(config).substr(0, 300));
  }
  members->set("cniVersion",
               chain.version.empty() ? kNewestVersion : std::string_view(chain.version));
  members->set("name", chain.network);
  if (before != nullptr) {
    members->set("prevResult", *before);
  }
  return call_cni(
      {std::string(command), chain.container, netns, chain.interface, std::move(config)}, folders_,
      stop);
}

Result<> ChainRunner::add_all(PluginChain& chain, const system::Path& netns, const Settle& settle,
                              const system::Stop& stop) const {
  while (chain.results.size() < chain.plugins.size()) {
    const std::size_t next = chain.results.size();
    json::Value result =
        TRY(call("ADD", chain, next, next == 0 ? nullptr : &chain.results.back(), netns, stop));
    if (next == 0) {
      if (is_leased(chain)) {
        TRY(check_leased_address(chain, result, stop));
      }
      result = TRY(settle(std::move(result)));
    }
    chain.results.push_back(std::move(result));
    TRY(keep(chain));
  }
  return {};
}

Result<json::Value> ChainRunner::add(PluginChain chain, const system::Path& netns,
                                     const Settle& settle, const system::Stop& stop) {
  chain.version = TRY(versions_.common(types_of(chain), folders_, stop));
  chain.results.clear();
  TRY(keep(chain));
  TRY(add_all(chain, netns, settle, stop));
  return chain.results.back();
}

Result<> ChainRunner::del_all(const PluginChain& chain, const system::Path& netns,
                              const system::Stop& stop) const {
  if (chain.plugins.empty()) {
    return {};
  }
  const bool told = !chain.results.empty() && chain.version != kBeforeCheck;
  // Also those that were not added, or of which nobody knows: one may have begun.
  for (std::size_t plugin = chain.plugins.size(); plugin > 1; --plugin) {
    TRY(call("DEL", chain, plugin - 1, told ? &chain.results.back() : nullptr, netns, stop));
  }
  return del_first(chain, told ? &chain.results.back() : nullptr, netns, stop);
}

Result<> ChainRunner::del(const PluginChain& otherwise, const system::Path& netns,
                          const system::Stop& stop) {
  Result<PluginChain> there = kept(otherwise.container, otherwise.interface);
  PluginChain chain = there ? std::move(*there) : otherwise;
  if (!there) {
    // Before a reboot, or it was never begun: a plugin that is not there has made nothing that is.
    std::erase_if(chain.plugins, [this](const json::Value& plugin) {
      return !find_plugin(plugin.at("type").string_or(""), folders_);
    });
    chain.version = versions_.common(types_of(chain), folders_, stop).value_or("");
  }
  TRY(del_all(chain, netns, stop));
  const system::Path file = chain_file(kept_, chain.container, chain.interface);
  TRY(system::remove_tree(file));
  std::error_code not_empty;
  std::filesystem::remove(file.parent_path(), not_empty);
  return {};
}

Result<> ChainRunner::del_left(const std::string& container, const std::string& interface,
                               const system::Path& netns, const system::Stop& stop) {
  const Result<PluginChain> left = kept(container, interface);
  return left ? del(*left, netns, stop) : Result<>();
}

Result<> ChainRunner::add_again(PluginChain& chain, std::size_t plugin, const system::Path& netns,
                                const Clear& clear, const system::Stop& stop) const {
  TRY(call("DEL", chain, plugin, &chain.results.back(), netns, stop));
  TRY(clear(std::string(chain.plugins.at(plugin).at("type").string_or("")), chain.results.front()));
  chain.results.at(plugin) =
      TRY(call("ADD", chain, plugin, &chain.results.at(plugin - 1), netns, stop));
  return keep(chain);
}

Result<> ChainRunner::mend(const std::string& container, const std::string& interface,
                           const system::Path& netns, const Clear& clear, const system::Stop& stop,
                           const std::set<std::string>& lost) {
  Result<PluginChain> there = kept(container, interface);
  if (!there || there->plugins.size() != there->results.size() || there->version == kBeforeCheck) {
    return {};
  }
  for (std::size_t plugin = 1; plugin < there->plugins.size(); ++plugin) {
    const std::string type(there->plugins.at(plugin).at("type").string_or(""));
    if (lost.contains(type)) {
      TRY(add_again(*there, plugin, netns, clear, stop));
      continue;
    }
    const Result<json::Value> checked =
        call("CHECK", *there, plugin, &there->results.back(), netns, stop);
    if (!checked) {
      // Debian 12's portmap (1.1.1) looks for each rule in ip6tables, too, and so never finds all:
      // its part is done again at each start, and all that this costs is time.
      TRY(stop.check("mend the network of container " + container));
      system::log_info("done again: {}", checked.error().message);
      TRY(add_again(*there, plugin, netns, clear, stop));
    }
  }
  return {};
}

}  // namespace drover::runtimes
