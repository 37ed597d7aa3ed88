#include "runtimes/oci/refused_members.h"

#include <array>

#include "runtimes/refusals.h"

namespace drover::runtimes {
namespace {

/// In the order of the schema. What is done is taken out here and put into every_field_test.cc.
constexpr std::array kOciRefusals = {
    Refusal{"resources.disk_mib",
            "the root has no disk of its own; it shares one of the node (runtime pve-lxc has)"},
    Refusal{"firewall",
            "Proxmox filters for its own guests only, and this one has none (runtime pve-lxc)"},
};

}  // namespace

Result<> refuse_oci_members(const ContainerSpec& spec, RuntimeKind kind) {
  return refuse_given(spec, kind, kOciRefusals);
}

}  // namespace drover::runtimes
