#include "runtimes/network/leases.h"

#include <algorithm>
#include <utility>

#include "agent/core/ip_address.h"
#include "agent/core/stable_hash.h"
#include "agent/system/crash_point.h"

namespace drover::runtimes {
namespace {

constexpr std::size_t kMostLease = 4096;
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

}  // namespace

Result<Leases::Record> Leases::read(const Path& file) {
  const std::string text = TRY(system::read_file(file, kMostLease));
  const json::Value value = TRY(json::parse(text).context("read " + file.native()));
  const auto member = [&](const char* key) { return std::string(value.at(key).string_or("")); };
  return Record{file,
                member("container"),
                member("job"),
                member("interface"),
                {member("zone"), member("vnet"), address_of(member("address")), member("mac")},
                {member("address"), member("gateway"), member("mac")},
                value.at("given").boolean_or(false)};
}

Result<> Leases::write(const Record& record) {
  TRY(system::make_folders(record.file.parent_path(), 0700));
  return system::write_atomically(record.file,
                                  json::write(json::Object{{"container", record.container},
                                                           {"job", record.job},
                                                           {"interface", record.interface},
                                                           {"zone", record.address.zone},
                                                           {"vnet", record.address.vnet},
                                                           {"address", record.lease.address},
                                                           {"gateway", record.lease.gateway},
                                                           {"mac", record.lease.mac},
                                                           {"given", record.given}}),
                                  0600);
}

Result<std::vector<Leases::Record>> Leases::records() const {
  std::vector<Record> all;
  for (const Path& vnet : system::children_of(folder_)) {
    for (const Path& file : system::children_of(vnet)) {
      // Of one that is being written there is a file by another name.
      if (!is_address(file.filename())) {
        continue;
      }
      Result<Record> record = read(file);
      if (record) {
        all.push_back(std::move(*record));
      } else if (record.error().code != Code::not_found) {  // given back since
        return Failure(record.error());
      }
    }
  }
  return all;
}

Result<std::optional<Leases::Record>> Leases::record_of(const ContainerName& name, const JobId& job,
                                                        const std::string& interface) const {
  std::vector<Record> all = TRY(records());
  for (Record& record : all) {
    if (record.container == name.str() && record.job == job.str() &&
        record.interface == interface) {
      return std::optional(std::move(record));
    }
  }
  return std::optional<Record>();
}

Result<Lease> Leases::ask_for(Record record, const system::Stop& stop) {
  record.given = false;
  record.address.ip = address_of(record.lease.address);
  record.file = folder_ / record.address.vnet / record.address.ip;
  const Result<Record> there = read(record.file);
  if (!there && there.error().code != Code::not_found) {
    return Failure(there.error());
  }
  if (there && (there->job != record.job || there->container != record.container ||
                there->interface != record.interface)) {
    return fail(Code::conflict, "address {}: container {} has it", record.address.ip,
                there->container);
  }
  TRY(stop.check("claim address " + record.address.ip));
  TRY(write(record));
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
    TRY(write(record));
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

Result<Lease> Leases::pick(const Record& wanted, const proxmox::IpamVnet& vnet,
                           const system::Stop& stop) {
  const proxmox::SdnSubnet& subnet = vnet.subnets.front();
  const std::string length = subnet.cidr.substr(subnet.cidr.rfind('/'));
  const Taken taken = TRY(ipam_.taken(vnet.zone, stop));
  const std::uint32_t count = addresses_in(subnet.cidr);
  // Two nodes that pick at once begin at different places.
  const auto first = static_cast<std::uint32_t>(stable_hash(wanted.lease.mac) >> 32U);
  int refusals = 0;
  for (std::uint32_t at = 0; at < count && refusals < kMostRefusals; ++at) {
    const std::string ip = address_in(subnet.cidr, (first % count + at) % count);
    if (!is_assignable(ip + length) || ip == address_of(subnet.gateway) ||
        (taken && taken->contains(ip))) {
      continue;
    }
    Record record = wanted;
    record.lease.address = ip + length;
    Result<Lease> lease = ask_for(std::move(record), stop);
    if (lease || lease.error().code != Code::conflict) {
      return lease;
    }
    ++refusals;
  }
  return fail(Code::conflict, "vnet {}: no address of its subnet {} was found free{}", vnet.name,
              subnet.cidr, refusals == kMostRefusals ? ", of as many as are tried" : "");
}

Result<std::optional<Lease>> Leases::take(const ContainerName& name, const JobId& job,
                                          const NetworkSpec& spec, const system::Stop& stop) {
  const std::lock_guard lock(mutex_);
  const std::optional<Record> before = TRY(record_of(name, job, spec.interface));
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
  Record wanted{{},
                name.str(),
                job.str(),
                spec.interface,
                {vnet->zone, vnet->name, "", mac},
                {spec.address, spec.gateway, mac}};
  const std::string what = fmt::format("interface {} on vnet {}", spec.interface, spec.bridge);
  const proxmox::SdnSubnet* subnet = &vnet->subnets.front();
  if (!spec.address.empty()) {
    subnet = subnet_with(*vnet, spec.address);
    if (subnet == nullptr || subnet_of(spec.address) != subnet_of(subnet->cidr)) {
      return fail(Code::invalid, "{}: address {} is not of its subnet {}", what, spec.address,
                  vnet->subnets.front().cidr);
    }
  }
  if (wanted.lease.gateway.empty()) {
    wanted.lease.gateway = subnet->gateway;
  }
  Result<Lease> lease =
      spec.address.empty() ? pick(wanted, *vnet, stop) : ask_for(std::move(wanted), stop);
  if (!lease) {
    return Failure(Error(lease.error()).context(what));
  }
  return std::optional(std::move(*lease));
}

Result<> Leases::give_back(const Record& record, const system::Stop& stop) {
  const Taken taken = TRY(ipam_.taken(record.address.zone, stop));
  // Where Proxmox does not tell, one that it has not said to be ours may be anybody's.
  if (taken ? has(*taken, record.address) : record.given) {
    TRY(stop.check("give back address " + record.address.ip));
    const system::Stop never;
    const Result<> released = ipam_.release(record.address, never);
    if (!released && !taken && released.error().code == Code::timed_out) {
      // It is most likely free, and by the next attempt perhaps somebody's.
      Record forgotten = record;
      forgotten.given = false;
      TRY(write(forgotten));
    }
    TRY(released);
    system::crash_point("ipam after release");
  }
  return system::remove_tree(record.file);
}

Result<> Leases::give_back(const ContainerName& name, const JobId& job,
                           const std::string& interface, const system::Stop& stop) {
  const std::lock_guard lock(mutex_);
  const std::optional<Record> record = TRY(record_of(name, job, interface));
  return record ? give_back(*record, stop) : Result<>();
}

Result<std::vector<FoundLease>> Leases::inventory() const {
  const std::vector<Record> all = TRY(records());
  std::vector<FoundLease> found;
  for (const Record& record : all) {
    found.push_back({record.file, record.container, record.job});
  }
  return found;
}

Result<> Leases::give_back(const FoundLease& found, const system::Stop& stop) {
  const std::lock_guard lock(mutex_);
  const std::vector<Record> all = TRY(records());
  for (const Record& record : all) {
    if (FoundLease{record.file, record.container, record.job} == found) {
      return give_back(record, stop);
    }
  }
  return {};
}

}  // namespace drover::runtimes
