// Network: a namespace of its own for each container and the interfaces in it.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/core/container_spec.h"
#include "agent/core/json.h"
#include "agent/system/stop.h"
#include "runtimes/layout.h"
#include "runtimes/network/plugin_chain.h"

namespace drover::runtimes {

/// One interface of a container as it was made.
struct Attachment {
  std::string interface;       ///< inside
  std::string host_interface;  ///< the veth's end on the node; "" for none
  std::string bridge;
  std::string address;  ///< CIDR
  std::string gateway;
  std::string mac;
  DnsSpec dns{};  ///< of the DHCP server that gave the address
};

/// An address that somebody else keeps and has given to one interface (leases.h, or a DHCP server).
struct Lease {
  std::string address;  ///< CIDR
  std::string gateway;  ///< "" for none
  std::string mac{};    ///< that the interface shall have
  DnsSpec dns{};        ///< of a DHCP server
};

json::Value to_json(const Attachment& attachment);
Result<Attachment> attachment_from_json(const json::Value& value);
json::Value to_json(const Lease& lease);
/// None of null, which is what a step gives where nobody keeps addresses.
std::optional<Lease> lease_from_json(const json::Value& value);

/// What the node has to know about one bridge to give out addresses on it.
struct BridgeRange {
  std::string bridge;
  std::string subnet;  ///< CIDR
  std::string first;   ///< first address to give out, "" for the subnet's first
  std::string last;
  std::string gateway;  ///< "" for no default route
};

/// The host's end of an interface that was made here, told by its alias.
struct FoundInterface {
  std::string host_interface;
  std::string container;
  std::string job;
  bool operator==(const FoundInterface&) const = default;
};

/// An address that the plugin host-local has given out here: a file named as the address.
struct FoundAddress {
  Path file;
  std::string container;
};

/// An interface of whose rules the kernel has not all.
struct LostRules {
  std::string container;
  std::string interface;
  std::string network;            ///< the bridge's name, or "point-to-point-links"
  std::set<std::string> plugins;  ///< CNI plugins that miss theirs
};

/// An interface whose address is a DHCP server's, but whose lease nobody renews any more.
struct LostLease {
  std::string container;
  std::string interface;
  std::string network;  ///< the bridge's name, or the node's interface's
  std::string why;
};

struct NetworkOptions {
  std::vector<Path> plugin_folders;  ///< where the CNI plugins are; Debian: /usr/lib/cni
  std::vector<BridgeRange> ranges;
  bool with_proxmox = false;  ///< bridges are Proxmox's to make, and errors say so
  std::string node{};         ///< what the node is called, of all that have one network
  Path interfaces_file = "/etc/network/interfaces";  ///< interfaces_file.h
};

struct ChainPlaces;  // interface_chain.h
struct CniResult;    // cni.h

/// Makes named network namespaces (ip-netns(8)) and the interfaces in them through CNI plugins
/// (interface_chain.h). Thread-safe, but for calls about one container.
class Networks {
 public:
  Networks(Layout layout, NetworkOptions options);

  /// Whether `spec.address` can be a container's on that bridge, as far as the node knows without
  /// looking: `invalid` for what no host can have, the gateway's, and one outside the subnet that
  /// is given out there. A VLAN has subnets of its own. Without side effects.
  Result<> check_address(const NetworkSpec& spec) const;

  /// Whether it could be attached now, as far as that can be told before: check_address, and the
  /// bridge, or parent, is there. `not_found` when it is not; `refused` for a VLAN on a bridge that
  /// neither filters them nor has an uplink, and for ports on a node that forwards nothing;
  /// `conflict` for an address that is the bridge's own, and for a port that a program of the node
  /// has. Without side effects.
  Result<> check(const NetworkSpec& spec, const system::Stop& stop) const;

  /// `refused`, saying what to do, for one whose address is a DHCP server's while nobody is there
  /// who would keep its lease. The kernel answers at once.
  Result<> check_lease(const NetworkSpec& spec) const;

  /// Whether the interface will have the address that its gateway, ports or filter are about:
  /// `invalid` for one that has none given on a bridge that gives none out. What Proxmox leases is
  /// an address, too.
  Result<> check_addressed(const NetworkSpec& spec) const;

  /// The pinned namespace Layout::netns(name), loopback up. One that is there already is success.
  /// With `users`, where a user namespace is pinned, it belongs to that, and one that does not is
  /// made anew.
  Result<> make_namespace(const ContainerName& name, const system::Stop& stop,
                          const Path& users = {});
  /// With what plugins have still kept of it.
  Result<> remove_namespace(const ContainerName& name, const system::Stop& stop);
  /// Plugs `spec.interface` into `spec.bridge`, which must exist on this node: a bridge is never
  /// made here. It gets `spec.address`, or with `spec.dhcp` a DHCP server's (`unavailable` when
  /// none answers within a minute), else one from the bridge's range, else none (the program inside
  /// may ask a DHCP server). `conflict`, naming who has it, for an address that is another's on
  /// that bridge, whatever the VLAN. The host's end has a stable name, and its alias carries the
  /// job ("drover:NAME:JOB"). What `check` says, it says, too. With a lease it gets that, and
  /// whoever keeps it has seen to it that nobody else does. Then ports are published and limits
  /// set.
  /// `others`: gateways of the container's other interfaces. It is led out by one of each IP
  /// version: an interface whose job names none adds no second.
  Result<Attachment> attach(const ContainerName& name, const JobId& job, const NetworkSpec& spec,
                            const std::optional<Lease>& lease, const system::Stop& stop,
                            const std::vector<std::string>& others = {});
  /// Also gives the address back. Absent is success.
  Result<> detach(const ContainerName& name, const JobId& job, const NetworkSpec& spec,
                  const system::Stop& stop);

  /// Has ports, limits and filters of an attached one again where somebody has flushed them. Its
  /// address stays. `lost`: plugins that are known to miss theirs.
  Result<> mend(const ContainerName& name, const std::string& interface, const system::Stop& stop,
                const std::set<std::string>& lost = {});

  /// Interfaces, also of containers that are stopped, of whose ports or filters iptables has not
  /// all. Asks it only where there are such. With `container` of that one alone.
  Result<std::vector<LostRules>> lost_rules(const system::Stop& stop,
                                            const std::string& container = "") const;

  /// Interfaces, also of containers that are stopped, whose lease nobody renews: the daemon that
  /// has got it is no more, or it has run out, at which the daemon sets the interface down. With
  /// `container` of that one alone.
  Result<std::vector<LostLease>> lost_leases(const system::Stop& stop,
                                             const std::string& container = "") const;
  /// Has the daemon that is there ask for such a lease again; the interface has it then, its ports
  /// and filters, too. Of the attachment address and gateway are the ones that it has now.
  Result<Lease> lease_again(const ContainerName& name, const std::string& interface,
                            const system::Stop& stop);

  /// Addresses of this range are given out on its bridge from now on, unless the options have one
  /// for it. One without a subnet gives out none.
  void give_out(BridgeRange range);
  /// Forgets the bridge's range, and who had which address.
  Result<> give_out_no_more(const std::string& bridge);

  /// Puts the host's end of one that is there back into its bridge, which was made again. One that
  /// is gone, or has a bridge, is left as it is.
  Result<> plug_in_again(const Attachment& attachment, std::uint32_t vlan,
                         const system::Stop& stop) const;

  /// Every veth on this node that was made here, also by an earlier agent.
  Result<std::vector<FoundInterface>> inventory(const system::Stop& stop) const;
  /// Removes it if it is still the one that was found: names are used again.
  Result<> remove_interface(const FoundInterface& found, const system::Stop& stop);
  /// The containers that have a namespace named "drover-NAME", also one that pins nothing.
  Result<std::vector<std::string>> namespaces() const;
  /// Those given out, whatever the range they came from is called now.
  Result<std::vector<FoundAddress>> addresses() const;
  /// Gives it back if it is still that container's.
  Result<> release_address(const FoundAddress& address);

 private:
  /// Of an address that the job has chosen: its file, see reservations.h.
  Path reservation(const NetworkSpec& spec) const;
  /// What is given out to such an interface; none when nobody has said.
  std::optional<BridgeRange> range_of(const NetworkSpec& spec) const;
  /// What the server that gave the address says; nothing where none says anything.
  DnsSpec resolvers_of(const ContainerName& name, const std::string& interface,
                       const CniResult& made, const system::Stop& stop) const;
  Result<> add_namespace(const std::string& id, const Path& users, const system::Stop& stop);
  ChainPlaces places() const;
  /// The namespace's path; "" when it is gone.
  static Path pinned(const ContainerName& name);
  /// Has an end do as its bridge's ports do by interfaces(5).
  Result<> settle_learning(const std::string& end, const std::string& bridge,
                           const std::string& mac, const system::Stop& stop) const;
  /// Has the plugins take back what they have kept of the container; of the job alone, unless "".
  Result<> end_chains(const ContainerName& name, const std::string& job, const system::Stop& stop);

  Layout layout_;
  NetworkOptions options_;
  ChainRunner chains_;
  mutable std::mutex mutex_;
  std::map<std::string, BridgeRange> ranges_;  // of our own bridges, guarded by mutex_
};

}  // namespace drover::runtimes
