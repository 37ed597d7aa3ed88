#include "runtimes/network/leases.h"

#include <algorithm>
#include <utility>

#include "agent/core/ip_address.h"
#include "agent/core/stable_hash.h"
#include "agent/system/crash_point.h"

namespace drover::runtimes {
namespace {

/// Of those that somebody has taken without Proxmox telling before.
constexpr int kMostRefusals = 256;

/// One of those that anybody may give himself, to one host ("02").
std::string mac_of(const std::string& node, const ContainerName& name, const JobId& job,
                   const std::string& interface) {
  const std::uint64_t hash =
      stable_hash(fmt::format("{}/{}/{}/{}", node, name.str(), job.str(), interface));
  std::string mac = "02";
  for (unsigned shift = 0; shift < 40; shift += 8) {
    mac += fmt::format(":{:02x}", hash >> shift & 0xffU);
  }
  return mac;
}

/// Of a claim that has failed: whether it was surely not granted. Whoever has not heard the answer,
/// or cannot read it, does not know.
bool is_denied(const Error& error) {
  switch (error.code) {
    case Code::unavailable:
    case Code::not_found:
    case Code::conflict:
    case Code::refused:
    case Code::invalid:
      return true;
    case Code::cancelled:
    case Code::timed_out:
    case Code::broken:
      break;
  }
  return false;
}

/// Whether the address is taken by just this MAC address.
bool has(const std::map<std::string, std::string>& taken, const proxmox::IpamAddress& address) {
  const auto holder = taken.find(address.ip);
  return holder != taken.end() && holder->second == address.mac;
}

const proxmox::SdnSubnet* subnet_with(const proxmox::IpamVnet& vnet, const std::string& address) {
  const auto found =
      std::find_if(vnet.subnets.begin(), vnet.subnets.end(),
                   [&](const proxmox::SdnSubnet& subnet) { return overlap(address, subnet.cidr); });
  return found == vnet.subnets.end() ? nullptr : &*found;
}

/// "/24"
std::string length_of(const proxmox::SdnSubnet& subnet) {
  return subnet.cidr.substr(subnet.cidr.rfind('/'));
}

/// Those to pick from, the best first: of the IP version of the best one, those that the gateway is
/// in, or that have one, before those without.
std::vector<proxmox::SdnSubnet> in_order(std::vector<proxmox::SdnSubnet> subnets,
                                         const std::string& gateway) {
  const auto leads_out = [&](const proxmox::SdnSubnet& subnet) {
    return gateway.empty() ? !subnet.gateway.empty()
                           : overlap(gateway + length_of(subnet), subnet.cidr);
  };
  std::stable_partition(subnets.begin(), subnets.end(), leads_out);
  const auto is_six = [](const proxmox::SdnSubnet& subnet) {
    return subnet.cidr.find(':') != std::string::npos;
  };
  const bool six = is_six(subnets.front());
  std::erase_if(subnets, [&](const proxmox::SdnSubnet& subnet) { return is_six(subnet) != six; });
  return subnets;
}

}  // namespace

std::optional<LeaseRecord> Leases::record_of(const ContainerName& name, const JobId& job,
                                             const std::string& interface) const {
  for (LeaseRecord& record : read_leases(folder_)) {
    if (record.container == name.str() && record.job == job.str() &&
        record.interface == interface) {
      return std::move(record);
    }
  }
  return std::nullopt;
}

Result<> Leases::reserve(const LeaseRecord& record) {
  const std::lock_guard lock(mutex_);
  const Result<LeaseRecord> there = read_lease(record.file);
  if (!there && there.error().code != Code::not_found) {
    return fail(Code::conflict, "address {}: nobody can tell who has it ({}); see drover leaks",
                record.address.ip, there.error().message);
  }
  if (there && (there->job != record.job || there->container != record.container ||
                there->interface != record.interface)) {
    return fail(Code::conflict, "address {}: container {} has it", record.address.ip,
                there->container);
  }
  return write_lease(record);
}

Result<Lease> Leases::ask_for(LeaseRecord record, const system::Stop& stop) {
  record.given = false;
  record.address.ip = address_of(record.lease.address);
  record.file = folder_ / record.address.vnet / record.address.ip;
  TRY(stop.check("claim address " + record.address.ip));
  TRY(reserve(record));
  system::crash_point("ipam before claim");
  // Its answer is waited for, whoever stops: nobody else tells whether it was granted.
  const system::Stop never;
  Result<> claimed = ipam_.claim(record.address, never);
  system::crash_point("ipam after claim");
  if (!claimed && claimed.error().code == Code::conflict) {
    // Perhaps ours, of an agent that was killed or an answer that was lost.
    const Taken taken = TRY(ipam_.taken(record.address.zone, stop));
    if (taken && has(*taken, record.address)) {
      claimed = {};
    }
  }
  if (claimed) {
    record.given = true;
    TRY(write_lease(record));
    return record.lease;
  }
  if (is_denied(claimed.error())) {
    TRY(system::remove_tree(record.file));
    return Failure(claimed.error());
  }
  // Its file stays, and the next attempt asks again.
  return claimed.error().code == Code::timed_out
             ? fail(Code::unavailable, "{}", claimed.error().message)
             : Failure(claimed.error());
}

Result<std::optional<Lease>> Leases::pick_of(const proxmox::SdnSubnet& subnet, LeaseRecord wanted,
                                             const Taken& taken, const system::Stop& stop) {
  const std::string length = length_of(subnet);
  const std::uint32_t count = addresses_in(subnet.cidr);
  if (wanted.lease.gateway.empty()) {
    wanted.lease.gateway = subnet.gateway;
  }
  // Two nodes that pick at once begin at different places.
  const auto first = static_cast<std::uint32_t>(stable_hash(wanted.lease.mac) >> 32U);
  int refusals = 0;
  for (std::uint32_t at = 0; at < count && refusals < kMostRefusals; ++at) {
    const std::string ip = address_in(subnet.cidr, (first % count + at) % count);
    if (!is_assignable(ip + length) || ip == address_of(subnet.gateway) ||
        (taken && taken->contains(ip))) {
      continue;
    }
    wanted.lease.address = ip + length;
    Result<Lease> lease = ask_for(wanted, stop);
    if (lease) {
      return std::optional(std::move(*lease));
    }
    if (lease.error().code != Code::conflict) {
      return Failure(lease.error());
    }
    ++refusals;
  }
  return std::optional<Lease>();
}

Result<Lease> Leases::pick(const LeaseRecord& wanted, const proxmox::IpamVnet& vnet,
                           const system::Stop& stop) {
  const Taken taken = TRY(ipam_.taken(vnet.zone, stop));
  std::string tried;
  for (const proxmox::SdnSubnet& subnet : in_order(vnet.subnets, wanted.lease.gateway)) {
    const std::optional<Lease> lease = TRY(pick_of(subnet, wanted, taken, stop));
    if (lease) {
      return *lease;
    }
    tried += (tried.empty() ? "" : ", ") + subnet.cidr;
  }
  return fail(Code::conflict, "vnet {}: no address of its subnet {} was found free{}", vnet.name,
              tried,
              taken ? "" : fmt::format(", of {} that were tried at the most", kMostRefusals));
}

Result<std::optional<Lease>> Leases::take(const ContainerName& name, const JobId& job,
                                          const NetworkSpec& spec, const system::Stop& stop) {
  const std::optional<LeaseRecord> before = record_of(name, job, spec.interface);
  if (before && before->given) {
    return std::optional(before->lease);
  }
  if (before) {
    Result<Lease> again = ask_for(*before, stop);
    if (again || again.error().code != Code::conflict || !spec.address.empty()) {
      return again ? Result<std::optional<Lease>>(std::move(*again)) : Failure(again.error());
    }
  }
  const std::optional<proxmox::IpamVnet> vnet = TRY(ipam_.vnet(spec.bridge, stop));
  if (!vnet) {
    return std::optional<Lease>();
  }
  const std::string mac = mac_of(node_, name, job, spec.interface);
  LeaseRecord wanted{{},
                     name.str(),
                     job.str(),
                     spec.interface,
                     {vnet->zone, vnet->name, "", mac},
                     {spec.address, spec.gateway, mac}};
  const std::string what = fmt::format("interface {} on vnet {}", spec.interface, spec.bridge);
  if (!spec.address.empty()) {
    const proxmox::SdnSubnet* const subnet = subnet_with(*vnet, spec.address);
    if (subnet == nullptr || subnet_of(spec.address) != subnet_of(subnet->cidr)) {
      return fail(Code::invalid, "{}: address {} is not of its subnet {}", what, spec.address,
                  vnet->subnets.front().cidr);
    }
    if (wanted.lease.gateway.empty()) {
      wanted.lease.gateway = subnet->gateway;
    }
  }
  Result<Lease> lease =
      spec.address.empty() ? pick(wanted, *vnet, stop) : ask_for(std::move(wanted), stop);
  if (!lease) {
    return Failure(Error(lease.error()).context(what));
  }
  return std::optional(std::move(*lease));
}

Result<> Leases::give_back(const LeaseRecord& record, const system::Stop& stop) {
  const Taken taken = TRY(ipam_.taken(record.address.zone, stop));
  // Where Proxmox does not tell, one that it has not said to be ours may be anybody's.
  if (taken ? has(*taken, record.address) : record.given) {
    TRY(stop.check("give back address " + record.address.ip));
    const system::Stop never;
    const Result<> released = ipam_.release(record.address, never);
    if (!released && !taken && released.error().code == Code::timed_out) {
      // It is most likely free, and by the next attempt perhaps somebody's.
      LeaseRecord forgotten = record;
      forgotten.given = false;
      TRY(write_lease(forgotten));
    }
    TRY(released);
    system::crash_point("ipam after release");
  }
  return system::remove_tree(record.file);
}

Result<std::optional<LeaseRecord>> Leases::damaged_record(LeaseRecord known,
                                                          const system::Stop& stop) {
  const Result<LeaseRecord> there = read_lease(known.file);
  if (there || there.error().code == Code::not_found) {
    return std::optional<LeaseRecord>();
  }
  const std::optional<proxmox::IpamVnet> vnet = TRY(ipam_.vnet(known.address.vnet, stop));
  if (!vnet) {
    return std::optional<LeaseRecord>();  // nobody keeps addresses there now; the file is a leak
  }
  known.address.zone = vnet->zone;
  return std::optional(std::move(known));
}

Result<> Leases::give_back(const ContainerName& name, const JobId& job,
                           const std::string& interface, const std::optional<GivenLease>& given,
                           const system::Stop& stop) {
  std::optional<LeaseRecord> record = record_of(name, job, interface);
  if (!record && given) {
    const std::string ip = address_of(given->lease.address);
    record = TRY(damaged_record({folder_ / given->vnet / ip,
                                 name.str(),
                                 job.str(),
                                 interface,
                                 {"", given->vnet, ip, given->lease.mac},
                                 given->lease,
                                 true},
                                stop));
  }
  return record ? give_back(*record, stop) : Result<>();
}

Result<std::vector<FoundLease>> Leases::inventory() const {
  std::vector<FoundLease> found;
  for (const LeaseRecord& record : read_leases(folder_, &found)) {
    found.push_back({record.file, record.container, record.job});
  }
  return found;
}

Result<> Leases::forget_damaged(const Path& file, const system::Stop& stop) {
  const Result<LeaseRecord> there = read_lease(file);
  if (there || there.error().code == Code::not_found) {
    return {};  // it was mended, or removed
  }
  const std::string name = file.parent_path().filename();
  const std::string ip = file.filename();
  const std::optional<proxmox::IpamVnet> vnet = TRY(ipam_.vnet(name, stop));
  const Taken taken = vnet ? TRY(ipam_.taken(vnet->zone, stop)) : Taken();
  if (taken && !taken->contains(ip)) {
    return system::remove_tree(file);
  }
  return fail(Code::conflict,
              "{}, and {}: when no container has it, give it back (pvesh delete "
              "/cluster/sdn/vnets/{}/ips --zone {} --ip {} --mac {}), then remove the file",
              there.error().message,
              taken ? "Proxmox has given it to somebody" : "Proxmox does not tell who has it", name,
              vnet ? vnet->zone : "ZONE", ip, taken ? taken->at(ip) : "MAC");
}

Result<> Leases::give_back(const FoundLease& found, const system::Stop& stop) {
  if (found.job.empty()) {
    return forget_damaged(found.file, stop);
  }
  for (const LeaseRecord& record : read_leases(folder_)) {
    if (record.file == found.file && record.container == found.container &&
        record.job == found.job) {
      return give_back(record, stop);
    }
  }
  return {};
}

}  // namespace drover::runtimes
