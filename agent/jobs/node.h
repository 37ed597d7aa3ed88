// Node: all that the verbs work with on this node.
#pragma once

#include <map>
#include <string>

#include "agent/core/config.h"
#include "proxmox/network.h"
#include "proxmox/network_configuration.h"
#include "proxmox/templates.h"
#include "proxmox/vnets.h"
#include "runtimes/images/image_store.h"
#include "runtimes/layout.h"
#include "runtimes/network/leases.h"
#include "runtimes/network/network.h"
#include "runtimes/runtime.h"
#include "runtimes/volumes/volume.h"

namespace drover::jobs {

class LinkWatch;
class Singletons;
class StorageWatch;

/// Owns nothing: the daemon's composition does, and outlives every job. What it points at may be
/// used from all workers at once.
struct Node {
  std::string name;
  const Config& config;
  runtimes::Layout layout;
  std::map<RuntimeKind, runtimes::Runtime*> runtimes;
  runtimes::VolumeSource& local_volumes;                 ///< storage local-folder
  runtimes::VolumeSource& local_images;                  ///< storage local-image
  runtimes::VolumeSource* proxmox_volumes;               ///< nullptr on a node without Proxmox
  proxmox::Network* proxmox_network;                     ///< nullptr on a node without Proxmox
  proxmox::NetworkConfiguration* network_configuration;  ///< the same
  runtimes::Networks& networks;
  runtimes::ImageStore& images;
  proxmox::Templates* templates = nullptr;  ///< nullptr on a node without Proxmox
  proxmox::Vnets* vnets = nullptr;          ///< the same
  runtimes::Leases* leases = nullptr;       ///< the same
  StorageWatch* storages = nullptr;         ///< the same
  LinkWatch* links = nullptr;               ///< the same
  /// The node's own storages besides the two of above, by name (is_local_storage).
  std::map<std::string, runtimes::VolumeSource*> other_volumes{};
  Singletons* singletons = nullptr;  ///< nullptr on a node without etcd

  /// `refused`, saying what is missing, when this node does not have the runtime.
  Result<runtimes::Runtime*> runtime(RuntimeKind kind) const;
  /// `refused` on a node without Proxmox.
  Result<proxmox::Templates*> all_templates() const;
  /// Where a volume of `storage` ("" for the node's default) comes from.
  Result<runtimes::VolumeSource*> volumes(const std::string& storage) const;
};

}  // namespace drover::jobs
