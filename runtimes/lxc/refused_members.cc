#include "runtimes/lxc/refused_members.h"

#include <array>

#include "runtimes/refusals.h"

namespace drover::runtimes {
namespace {

/// In the order of the schema. What is done is taken out here and put into every_field_test.cc.
constexpr std::array kLxcRefusals = {
    Refusal{"resources.disk_mib",
            "the root has no disk of its own; it shares one of the node (runtime pve-lxc has)"},
    Refusal{"annotations", "a container's configuration carries Drover's stamps only; use labels"},
    Refusal{"oci", "LXC takes no configuration of OCI; leave it out"},
    Refusal{"firewall",
            "Proxmox filters for its own guests only, and this one has none (runtime pve-lxc)"},
};

}  // namespace

Result<> refuse_lxc_members(const ContainerSpec& spec) {
  return refuse_given(spec, RuntimeKind::lxc, kLxcRefusals);
}

}  // namespace drover::runtimes
