// Leases: addresses of vnets that Proxmox keeps for the cluster, and that containers of this node
// have.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "proxmox/ipam.h"
#include "runtimes/network/network.h"

namespace drover::runtimes {

/// An address that was asked for here, be it given or not.
struct FoundLease {
  Path file;
  std::string container;
  std::string job;
  bool operator==(const FoundLease&) const = default;
};

/// Each is written down in a file of this node before it is asked for, and until it is given back:
/// so one that an agent was killed over is found again. Whose it is at Proxmox tells a MAC address
/// that is made of node, container, job and interface. Thread-safe.
class Leases {
 public:
  /// `ipam` must outlive this. `folder`: Layout::ipam.
  Leases(proxmox::Ipam& ipam, Path folder, std::string node)
      : ipam_(ipam), folder_(std::move(folder)), node_(std::move(node)) {}

  /// The interface's lease: the one that it has, else `spec.address`, else one that is free. None
  /// where nobody keeps addresses. `conflict` for one that somebody else has, and when none is
  /// free; `invalid` for one that is in no subnet of the vnet.
  Result<std::optional<Lease>> take(const ContainerName& name, const JobId& job,
                                    const NetworkSpec& spec, const system::Stop& stop);
  /// Gives back what the interface has. Nothing is success, and so is what somebody has given
  /// another meanwhile, where Proxmox tells: that is left to him.
  Result<> give_back(const ContainerName& name, const JobId& job, const std::string& interface,
                     const system::Stop& stop);

  Result<std::vector<FoundLease>> inventory() const;
  /// Gives it back if it is still the one that was found.
  Result<> give_back(const FoundLease& found, const system::Stop& stop);

 private:
  struct Record {
    Path file;
    std::string container;
    std::string job;
    std::string interface;
    proxmox::IpamAddress address;
    Lease lease;
    bool given = false;  ///< Proxmox has said so
  };
  using Taken = std::optional<std::map<std::string, std::string>>;

  static Result<Record> read(const Path& file);
  static Result<> write(const Record& record);
  Result<std::vector<Record>> records() const;
  Result<std::optional<Record>> record_of(const ContainerName& name, const JobId& job,
                                          const std::string& interface) const;
  /// `lease.address` for the interface; `conflict` when somebody has it.
  Result<Lease> ask_for(Record record, const system::Stop& stop);
  Result<Lease> pick(const Record& wanted, const proxmox::IpamVnet& vnet, const system::Stop& stop);
  Result<> give_back(const Record& record, const system::Stop& stop);

  proxmox::Ipam& ipam_;
  Path folder_;
  std::string node_;
  std::mutex mutex_;  // held over requests: two picks at once would take the same
};

}  // namespace drover::runtimes
