#include "runtimes/guest/refused_members.h"

#include <array>

#include "runtimes/refusals.h"

namespace drover::runtimes {
namespace {

/// In the order of the schema. What is done is taken out here and put into every_field_test.cc.
constexpr std::array kGuestRefusals = {
    Refusal{"args",
            "a guest's program is its template's own, or the whole of command; put them there"},
    Refusal{"stdin", "a guest's program reads its console; leave it out, or use container.exec"},
    Refusal{"terminal", "a guest's program has its console; leave it out"},
    Refusal{"mounts.bind",
            "Proxmox lets only root@pam give a guest folders of the node; use a volume (volumes)"},
    Refusal{"mounts.tmpfs", "a guest's init mounts what its own fstab says; have it there"},
    Refusal{"secrets",
            "Proxmox gives no guest a file that is in memory only; have it fetched from inside"},
    Refusal{"resources.swap_mib", "a guest with a memory limit gets no swap; leave it out"},
    Refusal{"resources.cpuset",
            "Proxmox picks a guest's CPUs; bound their number and time by resources.cpus"},
    Refusal{"resources.cpu_shares",
            "no guest is weighed against others; bound its time by resources.cpus"},
    Refusal{"resources.io", "Proxmox bounds no guest's use of disks; leave it out"},
    Refusal{"resources.hugetlb_mib", "Proxmox bounds no guest's huge pages; leave it out"},
    Refusal{"rlimits",
            "a guest's processes have the limits that its own init gives; have it there"},
    Refusal{"sysctls", "a guest's init sets them; have them in its own sysctl.conf"},
    Refusal{"devices", "Proxmox lets only root@pam give a guest devices of the node; leave it out"},
    Refusal{"capabilities", "Proxmox gives each guest the same set; leave it out"},
    Refusal{"seccomp", "Proxmox gives each guest the same filter; leave it out"},
    Refusal{"apparmor", "Proxmox gives each guest a profile of its own; leave it out"},
    Refusal{"no_new_privileges", "Proxmox cannot be told that of a guest; leave it out"},
    Refusal{"annotations", "a guest has no configuration of OCI; use labels"},
    Refusal{
        "log",
        "a guest's output is kept as log.guest_mib of the node's configuration says; leave it out"},
    Refusal{
        "singleton",
        "Proxmox starts a guest by itself, as at boot or by an admin, without asking for a claim; "
        "use runc, crun or lxc"},
    Refusal{"oci", "a guest has no configuration of OCI; leave it out"},
};

}  // namespace

Result<> refuse_guest_members(const ContainerSpec& spec) {
  if (spec.security.user_namespace == "host") {
    return fail(
        Code::refused,
        "pve-lxc, user_namespace: every guest is unprivileged, which is auto; leave it out");
  }
  return refuse_given(spec, RuntimeKind::pve_lxc, kGuestRefusals);
}

}  // namespace drover::runtimes
