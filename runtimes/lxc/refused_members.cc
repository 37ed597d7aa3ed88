#include "runtimes/lxc/refused_members.h"

#include <array>

#include "runtimes/refusals.h"

namespace drover::runtimes {
namespace {

/// In the order of the schema. What is done is taken out here and put into every_field_test.cc.
constexpr std::array kLxcRefusals = {
    Refusal{"args",
            "nothing is appended to an image's entrypoint; give the whole program as command"},
    Refusal{"mounts.bind",
            "folders of the node are not mounted; put what is in them on a volume (volumes)"},
    Refusal{"mounts.tmpfs", "no memory is mounted but /dev/shm; use that, or a volume (volumes)"},
    Refusal{"resources.swap_mib", "a container with a memory limit gets no swap; leave it out"},
    Refusal{"resources.cpuset",
            "no container is kept to some CPUs; bound its time by resources.cpus"},
    Refusal{"resources.cpu_shares",
            "no container is weighed against others; bound its time by resources.cpus"},
    Refusal{"resources.io", "the use of disks is not bounded; leave it out"},
    Refusal{"resources.hugetlb_mib", "huge pages are not bounded; leave it out"},
    Refusal{"resources.disk_mib",
            "the root has no disk of its own; it shares one of the node (runtime pve-lxc has)"},
    Refusal{"rlimits", "each process has the same limits; leave it out"},
    Refusal{"sysctls",
            "settings of the kernel cannot be given; have the program inside or the node's admin "
            "set them"},
    Refusal{"devices", "no devices of the node are given to containers; leave it out"},
    Refusal{"capabilities", "each container has the same bounded set; leave it out"},
    Refusal{"seccomp", "LXC's own filter holds for all; leave it out"},
    Refusal{"apparmor", "LXC's own profile holds for all; leave it out"},
    Refusal{"no_new_privileges", "programs inside never gain privileges; leave it out"},
    Refusal{"user_namespace", "the users inside are the node's own; leave it out"},
    Refusal{"annotations", "a container's configuration carries Drover's stamps only; use labels"},
    Refusal{"log.driver",
            "what it prints is kept in files, not in the node's journal; leave it out"},
    Refusal{"oci", "LXC takes no configuration of OCI; leave it out"},
    Refusal{"firewall",
            "Proxmox filters for its own guests only, and this one has none (runtime pve-lxc)"},
};

}  // namespace

Result<> refuse_lxc_members(const ContainerSpec& spec) {
  return refuse_given(spec, RuntimeKind::lxc, kLxcRefusals);
}

}  // namespace drover::runtimes
