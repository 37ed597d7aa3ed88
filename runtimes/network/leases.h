// Leases: addresses of vnets that Proxmox keeps for the cluster, and that containers of this node
// have.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "proxmox/ipam.h"
#include "runtimes/network/lease_record.h"

namespace drover::runtimes {

/// What an interface was given, as its job knows it.
struct GivenLease {
  std::string vnet;
  Lease lease;
};

/// Each is written down in a file of this node before it is asked for, and until it is given back:
/// so one that an agent was killed over is found again. Whose it is at Proxmox tells a MAC address
/// that is made of node, container, job and interface. Thread-safe, but for calls about one
/// container: of those the caller makes one at a time. A file that cannot be read costs its own
/// address only, which nobody is given.
class Leases {
 public:
  /// `ipam` must outlive this. `folder`: Layout::ipam.
  Leases(proxmox::Ipam& ipam, Path folder, std::string node)
      : ipam_(ipam), folder_(std::move(folder)), node_(std::move(node)) {}

  /// The interface's lease: the one that it has, else `spec.address`, else one that is free in one
  /// of the vnet's subnets. None where nobody keeps addresses. `conflict` for one that somebody
  /// else has, and when none is free; `invalid` for one that is in no subnet of the vnet.
  Result<std::optional<Lease>> take(const ContainerName& name, const JobId& job,
                                    const NetworkSpec& spec, const system::Stop& stop);
  /// Gives back what the interface has. Nothing is success, and so is what somebody has given
  /// another meanwhile, where Proxmox tells: that is left to him.
  /// `given` stands in for a file that cannot be read.
  Result<> give_back(const ContainerName& name, const JobId& job, const std::string& interface,
                     const std::optional<GivenLease>& given, const system::Stop& stop);

  Result<std::vector<FoundLease>> inventory() const;
  /// Gives it back if it is still the one that was found. Of a file that cannot be read nobody
  /// knows whose the address is: it goes where Proxmox says that nobody has it, and is a
  /// `conflict`, saying what to do, otherwise.
  Result<> give_back(const FoundLease& found, const system::Stop& stop);

 private:
  using Taken = std::optional<std::map<std::string, std::string>>;

  std::optional<LeaseRecord> record_of(const ContainerName& name, const JobId& job,
                                       const std::string& interface) const;
  /// The same of a file that cannot be read, for whoever knows what is in it.
  Result<std::optional<LeaseRecord>> damaged_record(LeaseRecord known, const system::Stop& stop);
  /// Writes down who is about to ask for the address; `conflict` when that is another's already.
  Result<> reserve(const LeaseRecord& record);
  /// `lease.address` for the interface; `conflict` when somebody has it.
  Result<Lease> ask_for(LeaseRecord record, const system::Stop& stop);
  Result<Lease> pick(const LeaseRecord& wanted, const proxmox::IpamVnet& vnet,
                     const system::Stop& stop);
  /// One of the subnet; none when none is free.
  Result<std::optional<Lease>> pick_of(const proxmox::SdnSubnet& subnet, LeaseRecord wanted,
                                       const Taken& taken, const system::Stop& stop);
  Result<> give_back(const LeaseRecord& record, const system::Stop& stop);
  Result<> forget_damaged(const Path& file, const system::Stop& stop);

  proxmox::Ipam& ipam_;
  Path folder_;
  std::string node_;
  std::mutex mutex_;  // held while a file is looked at and written, and over no request
};

}  // namespace drover::runtimes
