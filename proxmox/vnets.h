// Vnets: networks of the cluster's SDN that are made and removed in zones that are there.
//
// Proxmox applies everybody's changes together, on all nodes, and reloads with them what waits in
// each node's own configuration of its network. So nothing is changed but under the cluster's lock,
// and nothing is applied while changes of somebody else wait, as far as the API lets anybody tell.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "proxmox/sdn_lock.h"
#include "proxmox/task.h"
#include "proxmox/vnet_state.h"

namespace drover::proxmox {

/// Whether Proxmox can have a vnet of that name: `invalid` says what it takes.
Result<> check_vnet_name(const std::string& name);

/// Whose a vnet is says its alias, "drover:vnet:NAME"; any node's agent may work on it. (It is the
/// bridge's alias in the kernel, too, and so is not that of bridges made there.) One call at a time
/// changes a node: the caller sees to that, but for free_lock, which any thread may call.
class Vnets {
 public:
  /// Both must outlive this. `lock_file`: see SdnLock.
  Vnets(Client& client, system::Clock& clock, std::filesystem::path lock_file)
      : client_(client), sdn_(client), tasks_(client, clock), lock_(client, clock, lock_file) {}

  /// Makes it and has it applied on all nodes; success once this node's kernel has it. Whatever an
  /// earlier call has left in the middle is gone on with; what is there, applied and up is left
  /// alone, whoever's agent has made it. `not_found` for a zone that is not there, naming those
  /// that are; `refused` for one that this node is not in; `conflict` for a vnet that is not
  /// Drover's or is otherwise, and while changes of somebody else wait to be applied. `begins` is
  /// called, under the cluster's lock, before one is written that nobody has made.
  Result<> make(const VnetRequest& vnet, const Stop& stop,
                const std::function<Result<>()>& begins = {});
  /// From the whole cluster. Absent is success. `refused` for one that is not Drover's; `conflict`
  /// while changes of somebody else wait, while guests of any node are on it or addresses are given
  /// out, and when the kernel keeps it because something was plugged in meanwhile: then it is as
  /// before.
  Result<> remove(const std::string& name, const Stop& stop);

  struct Known {
    VnetRequest vnet;
    bool ours = false;
    /// Whether its addresses are this node's to give out: nobody keeps them, and no other node has
    /// the same network.
    bool gives_addresses = false;
  };
  /// What is set by that name, be it applied or not. With one whose deletion waits to be applied it
  /// is what was.
  Result<std::optional<Known>> look_at(const std::string& name, const Stop& stop);
  /// All that are Drover's, and that this node's zones have.
  Result<std::vector<Known>> own(const Stop& stop);
  /// Gives the cluster's lock back that an earlier agent of this node, or a call that could not
  /// reach the API any more, has left. While a call is at it nothing is done.
  Result<> free_lock(const Stop& stop);

 private:
  using Change = std::function<Result<>(const std::string& token)>;

  /// Waits until nobody applies a configuration here; `unavailable` when that takes too long.
  Result<> settle(const Stop& stop);
  Result<> check_zone(const VnetState& state, const VnetRequest& vnet,
                      const std::string& what) const;
  /// `conflict` while changes of somebody else wait in the cluster's SDN.
  static Result<> check_alone(const VnetState& state, const std::string& what);
  /// The same of the nodes' own networks, which are reloaded, too; and for an `address` that those
  /// of the `zone` shall have, "" for none, when one has an address in its subnet already.
  Result<> check_nodes(const SdnZone* zone, const std::string& address, const std::string& what,
                       const Stop& stop);
  /// Under the cluster's lock, which is given back however it goes.
  Result<> change(bool beside_pending, const std::string& what, const Stop& stop,
                  const Change& change);
  Result<> add(const VnetRequest& vnet, const VnetState& now, const std::string& token,
               const Stop& stop);
  Result<> erase(const VnetState& now, const std::string& name, const std::string& token,
                 const Stop& stop);
  /// Has Proxmox apply what is written and give the lock back, and waits for the end.
  Result<> apply(const std::string& token, const std::string& what, const Stop& stop);
  Result<> write_and_apply(const VnetRequest& vnet, const VnetState& before,
                           const std::string& what, const Stop& stop,
                           const std::function<Result<>()>& begins = {});
  Result<> put_back(const VnetRequest& vnet, const std::string& what, const Stop& stop);

  Client& client_;
  Sdn sdn_;
  Tasks tasks_;
  SdnLock lock_;
  std::mutex changing_{};  // held by whoever may have the cluster's lock
};

}  // namespace drover::proxmox
