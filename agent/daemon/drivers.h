// Drivers: what this node runs containers with, made from its configuration.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "agent/core/config.h"
#include "agent/jobs/node.h"
#include "agent/jobs/reconcile/link_watch.h"
#include "agent/jobs/reconcile/storage_watch.h"
#include "agent/jobs/singletons/singletons.h"
#include "agent/system/clock.h"
#include "proxmox/client.h"
#include "proxmox/ha.h"
#include "proxmox/network.h"
#include "proxmox/network_configuration.h"
#include "proxmox/templates.h"
#include "proxmox/vnets.h"
#include "runtimes/network/leases.h"
#include "runtimes/volumes/btrfs_volumes.h"
#include "runtimes/volumes/local_images.h"
#include "runtimes/volumes/local_volumes.h"
#include "runtimes/volumes/thin_volumes.h"

namespace drover::daemon {

/// Owns the runtimes, the Proxmox client and the makers of volumes, networks and roots.
class Drivers {
 public:
  /// Runtimes whose program is not installed are left out: a job that asks for one is refused by
  /// name. Fails when the configuration names what cannot be had.
  static Result<std::unique_ptr<Drivers>> make(const Config& config, system::Clock& clock);

  const jobs::Node& node() const { return *node_; }
  /// nullptr on a node without Proxmox.
  proxmox::Ha* ha() const { return ha_.get(); }
  /// nullptr on a node without etcd.
  jobs::Singletons* singletons() const { return singletons_.get(); }
  /// As Proxmox calls this node; only where it has one.
  const std::string& proxmox_node() const { return client_->node(); }

 private:
  Drivers(const Config& config, runtimes::Layout layout, system::Clock& clock);
  Result<> connect_proxmox(system::Clock& clock);
  void add_runtimes(system::Clock& clock);

  const Config& config_;
  runtimes::Layout layout_;
  std::unique_ptr<proxmox::Client> client_;
  std::unique_ptr<proxmox::Ha> ha_;
  std::unique_ptr<proxmox::Network> proxmox_network_;
  std::unique_ptr<proxmox::NetworkConfiguration> network_configuration_;
  std::unique_ptr<proxmox::Vnets> vnets_;
  std::unique_ptr<proxmox::Ipam> ipam_;
  std::unique_ptr<runtimes::Leases> leases_;
  std::unique_ptr<runtimes::VolumeSource> proxmox_volumes_;
  std::unique_ptr<proxmox::Tasks> tasks_;
  std::unique_ptr<proxmox::Templates> templates_;
  std::unique_ptr<jobs::LinkWatch> links_;
  std::unique_ptr<jobs::StorageWatch> storages_;
  runtimes::LocalVolumes local_volumes_;
  runtimes::LocalImages local_images_;
  runtimes::LocalImages xfs_images_;
  runtimes::BtrfsVolumes btrfs_volumes_;
  runtimes::ThinVolumes thin_volumes_;
  runtimes::Networks networks_;
  runtimes::ImageStore images_;
  std::vector<std::unique_ptr<runtimes::Runtime>> runtimes_;
  std::unique_ptr<jobs::Singletons> singletons_;  // nullptr without etcd
  std::unique_ptr<jobs::Node> node_;
};

}  // namespace drover::daemon
