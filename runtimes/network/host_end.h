// The end of a container's veth that stays on the node.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/container_spec.h"
#include "agent/core/ids.h"
#include "agent/system/stop.h"
#include "runtimes/layout.h"

namespace drover::runtimes {

/// Runs ip(8).
Result<> run_ip(std::vector<std::string> arguments, const system::Stop& stop);

/// A name of at most 15 bytes (IFNAMSIZ) that the same interface of the same container always gets.
/// It begins as those of Proxmox's guests do ("veth100i0", which no number in hexadecimal is),
/// because whenever the network is applied its ifupdown2 takes all other ports out of the bridges
/// that are not configured to be there.
std::string host_name(const ContainerName& name, const std::string& interface);

/// An end that was given a VLAN is in the bridge's default one, too, which is not the container's.
Result<> close_default_vlan(const std::string& end, std::uint32_t vlan, const system::Stop& stop);

/// For a bridge whose ports learn no addresses (interfaces_file.h), as Proxmox does with its own
/// (pve-common, PVE::Network::tap_plug): the end is sent what is for `mac`, that of the interface
/// inside, and nothing that nobody knows the way to. After its VLANs were given.
Result<> send_by_address_only(const std::string& end, const std::string& mac,
                              const system::Stop& stop);

/// One that is not there is as good.
void remove_link(const std::string& name, const system::Stop& stop);

/// What bounds the traffic of the end. None is as good.
void remove_limits(const std::string& end, const system::Stop& stop);

/// Gives the end in a bridge that a plugin has made, `made`, its name and alias; `vlan`: that the
/// bridge has given it. One that is not in
/// a bridge (ptp) has routes that hang on it, and keeps its name. Returns the name that it has.
Result<std::string> settle_host_end(const std::string& made, const std::string& name,
                                    const std::string& alias, const NetworkSpec& spec,
                                    std::uint32_t vlan, const system::Stop& stop);

/// The bridge plugin turns router advertisements off on the bridge it is given, which on a node is
/// somebody else's setting: it is put back.
class KeptSetting {
 public:
  explicit KeptSetting(Path file);
  ~KeptSetting();
  KeptSetting(const KeptSetting&) = delete;
  KeptSetting& operator=(const KeptSetting&) = delete;

 private:
  Path file_;
  std::string value_;
};

}  // namespace drover::runtimes
