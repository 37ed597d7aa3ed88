// PluginChain: the CNI plugins that make one interface of one container, one behind the other.
//
// What they were told and what each answered is kept in a file of the run folder, from before the
// first is called until the last has taken its part back: DEL and CHECK are told the same as ADD
// was, also by a later agent. A reboot takes the file together with all that the plugins made.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/system/file.h"
#include "agent/system/stop.h"
#include "runtimes/network/plugin_versions.h"

namespace drover::runtimes {

struct PluginChain {
  std::string container;
  std::string job;  ///< that made it
  std::string interface;
  std::string network;                 ///< CNI's name of it
  std::string version{};               ///< of CNI, that all speak; "" for not asked yet
  std::vector<json::Value> plugins{};  ///< configurations, each with "type"
  std::vector<json::Value> results{};  ///< of those that were added, in their order
  /// Who keeps its lease (dhcp_daemon.h); "" for an address that is no DHCP server's.
  std::string lease_keeper{};
  /// The bridge, or the interface of the node, that its job has named; of neither "", and of chains
  /// that an older agent has kept.
  std::string place{};
};

/// Whether a DHCP server gives its address, and whether by the gateway that it gives, too, the
/// container is led out.
bool is_leased(const PluginChain& chain);
bool is_led_out_by_lease(const PluginChain& chain);
/// What the first plugin has answered without a default route.
json::Value without_default_route(json::Value result);
/// Its place, else what its network is called.
std::string place_of(const PluginChain& chain);

json::Value to_json(const PluginChain& chain);
Result<PluginChain> plugin_chain_from_json(const json::Value& value);

/// FOLDER/CONTAINER/INTERFACE.
system::Path chain_file(const system::Path& folder, const std::string& container,
                        const std::string& interface);
/// Those of the container that can be read; of one that cannot be the plugins are told nothing.
std::vector<PluginChain> kept_chains(const system::Path& folder, const std::string& container);

/// Calls the plugins of chains. Thread-safe, but for calls about one container.
class ChainRunner {
 public:
  /// `plugin_folders`: where the plugins are; `kept`: where the files are; `dhcp_socket`: of the
  /// plugin dhcp's daemon. None need exist.
  ChainRunner(std::vector<system::Path> plugin_folders, system::Path kept,
              system::Path dhcp_socket = {})
      : folders_(std::move(plugin_folders)),
        kept_(std::move(kept)),
        dhcp_socket_(std::move(dhcp_socket)) {}

  /// What stands between the first plugin's answer and the second's being told it.
  using Settle = std::function<Result<json::Value>(json::Value result)>;

  /// ADD by each in order, each told what the one before has answered. What had been made when one
  /// fails stays, and is `del`'s to take back; so it is after a lease that is refused
  /// (leased_address.h), which comes before the others are called. Returns the last one's answer.
  Result<json::Value> add(PluginChain chain, const system::Path& netns, const Settle& settle,
                          const system::Stop& stop);
  /// DEL by each, the last first, and the lease goes back to its server; with what was kept of the
  /// chain, else as `otherwise` says. May be repeated. `netns` "" when it is gone.
  Result<> del(const PluginChain& otherwise, const system::Path& netns, const system::Stop& stop);
  /// The same with what is kept of an interface of this name, whoever's it was; nothing where
  /// nothing is.
  Result<> del_left(const std::string& container, const std::string& interface,
                    const system::Path& netns, const system::Stop& stop);
  /// Gives the interface what is in the second answer of the first plugin; the other is the one
  /// that it has.
  using Apply = std::function<Result<>(const json::Value& before, const json::Value& now)>;
  /// Has the daemon that is there now ask for the chain's lease, and keep it from then on. A lease
  /// that it has by itself was lost all the same, and is given up before. Plugins behind the first
  /// are done again where the address is another. One that is refused (leased_address.h) is given
  /// back, and what the interface has stays. `not_found` where no lease was kept.
  Result<json::Value> lease_again(const std::string& container, const std::string& interface,
                                  const system::Path& netns, const Apply& apply,
                                  const system::Stop& stop);
  /// CHECK by those behind the first, whose rules others may have flushed. One that finds its own
  /// missing, or is of a type in `lost`, does DEL and ADD once more; in between `clear` is told its
  /// type, because DEL is allowed to leave what goes with the interface. Nothing of a chain that
  /// was not kept.
  using Clear = std::function<Result<>(const std::string& type, const json::Value& result)>;
  Result<> mend(const std::string& container, const std::string& interface,
                const system::Path& netns, const Clear& clear, const system::Stop& stop,
                const std::set<std::string>& lost = {});

 private:
  Result<json::Value> call(std::string_view command, const PluginChain& chain, std::size_t plugin,
                           const json::Value* before, const system::Path& netns,
                           const system::Stop& stop) const;
  /// The plugin that gives its address out, by itself.
  Result<json::Value> call_lease(std::string_view command, const PluginChain& chain,
                                 const system::Path& netns, const system::Stop& stop) const;
  /// While its interface is there, or the server is not told. Of one that nobody keeps it is not
  /// told either, and whatever fails is left to the lease's own end.
  void give_lease_back(const PluginChain& chain, const system::Path& netns,
                       const system::Stop& stop) const;
  /// As `call`, of the first plugin's: the lease is given back already.
  Result<> del_first(const PluginChain& chain, const json::Value* before, const system::Path& netns,
                     const system::Stop& stop) const;
  Result<> keep(const PluginChain& chain) const;
  Result<PluginChain> kept(const std::string& container, const std::string& interface) const;
  Result<> add_all(PluginChain& chain, const system::Path& netns, const Settle& settle,
                   const system::Stop& stop) const;
  Result<> del_all(const PluginChain& chain, const system::Path& netns,
                   const system::Stop& stop) const;
  Result<> add_again(PluginChain& chain, std::size_t plugin, const system::Path& netns,
                     const Clear& clear, const system::Stop& stop) const;

  std::vector<system::Path> folders_;
  system::Path kept_;
  system::Path dhcp_socket_;
  PluginVersions versions_;
};

}  // namespace drover::runtimes
