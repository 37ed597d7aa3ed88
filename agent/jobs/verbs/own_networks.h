// Bridges of the node's own, made by jobs network.ensure: in the kernel, or on a node of Proxmox in
// its configuration of the node; and vnets, made in the cluster's SDN. The journal knows them by
// name; a bridge that it does not know is somebody else's and is left as it is.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "agent/jobs/work.h"
#include "runtimes/network/bridges.h"

namespace drover::jobs {

/// Names of containers by the bridges they are on. Loop's thread, as all that takes a journal.
Result<std::map<std::string, std::vector<std::string>>> network_users(Journal& journal);

/// `unavailable` while a job makes or removes a network of the spec; `conflict`, naming who has it,
/// for an address of it that is another container's.
Result<> admit_networks(Journal& journal, const std::string& container, const ContainerSpec& spec);

/// Its addresses to give out; without a subnet where that is not this node's to do.
runtimes::BridgeRange range_of(const NetworkRow& row);

/// Of a vnet that is there already; whose job it was nobody knows.
NetworkRow row_of(const proxmox::Vnets::Known& known);
/// "address ... and VLANs", for messages.
std::string describe(const NetworkRow& row);

/// Makes the bridge, or what is missing of it. One of Proxmox's needs the turn of
/// `turn_of_network`. `begins` is called before a vnet is written that nobody has made.
Result<> make_network(const Node& node, const NetworkRow& row, const system::Stop& stop,
                      const std::function<Result<>()>& begins = {});
/// Absent is success. `conflict` for one of Proxmox's that something is plugged into.
Result<> unmake_network(const Node& node, const NetworkRow& row, const system::Stop& stop);
/// None for one that is made in the kernel.
std::optional<Scarce> turn_of_network(const NetworkRow& row);
/// How it is. The kernel answers at once: any thread, the loop's, too.
Result<runtimes::BridgeState> state_of(const NetworkRow& row);

/// Makes all again that a reboot has taken away and Proxmox does not make by itself, and has their
/// addresses given out. Failures are
/// logged, and containers on such a network fail by name. Call it before any job runs.
void restore_networks(Journal& journal, const Node& node);

/// Takes back what a failed job about a network has begun.
Result<> undo_network(Work& work, const Node& node);

}  // namespace drover::jobs
