// LeaseRecord: what is written down on this node about an address that Proxmox keeps.
#pragma once

#include <string>
#include <vector>

#include "proxmox/ipam.h"
#include "runtimes/network/network.h"

namespace drover::runtimes {

/// An address that was asked for here, be it given or not.
struct FoundLease {
  Path file;
  std::string container;  ///< "", as `job`, of a file that cannot be read
  std::string job;
  std::string damage{};  ///< why it cannot be
  bool operator==(const FoundLease&) const = default;
};

/// One address that was asked for.
struct LeaseRecord {
  Path file;
  std::string container;
  std::string job;
  std::string interface;
  proxmox::IpamAddress address;
  Lease lease;
  bool given = false;  ///< Proxmox has said so
};

/// `not_found` when there is no file; `broken` or `invalid` for what is no record of the address
/// that the file is named as (VNET/ADDRESS).
Result<LeaseRecord> read_lease(const Path& file);
/// Into its file, as of a whole.
Result<> write_lease(const LeaseRecord& record);
/// Those of a folder that can be read; the others are added to `damaged`.
std::vector<LeaseRecord> read_leases(const Path& folder,
                                     std::vector<FoundLease>* damaged = nullptr);

}  // namespace drover::runtimes
