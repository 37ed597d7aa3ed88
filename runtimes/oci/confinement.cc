#include "runtimes/oci/confinement.h"

#include "runtimes/container.h"

namespace drover::runtimes {
namespace {

/// Files of the kernel that tell about or change the whole node.
json::Array masked_paths() {
  return {"/proc/acpi",
          "/proc/asound",
          "/proc/kcore",
          "/proc/keys",
          "/proc/latency_stats",
          "/proc/sched_debug",
          "/proc/scsi",
          "/proc/timer_list",
          "/proc/timer_stats",
          "/sys/dev/block",
          "/sys/devices/virtual/powercap",
          "/sys/firmware",
          "/sys/fs/selinux"};
}

json::Array readonly_paths() {
  return {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
}

}  // namespace

void add_kernel_mounts(Spec& spec) {
  spec.add_mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"});
  spec.add_mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"});
  spec.add_mount("/dev/pts", "devpts", "devpts",
                 {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
  spec.add_mount("/dev/shm", "tmpfs", "shm",
                 {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"});
  spec.add_mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"});
  spec.add_mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"});
  spec.add_mount("/sys/fs/cgroup", "cgroup", "cgroup",
                 {"nosuid", "noexec", "nodev", "relatime", "ro"});
}

void deny_devices(Spec& spec) {
  spec.set({"linux", "resources", "devices"},
           json::Array{json::Object{{"allow", false}, {"access", "rwm"}}});
}

void confine(Spec& spec, const system::Path& netns) {
  for (const std::string_view type : {"pid", "ipc", "uts", "mount", "cgroup"}) {
    spec.add_namespace(type);
  }
  spec.add_namespace("network", netns);
  // The agent's own score may be low, and its children would inherit it.
  spec.set({"process", "oomScoreAdj"}, 0);
  deny_devices(spec);
  spec.set({"linux", "maskedPaths"}, masked_paths());
  spec.set({"linux", "readonlyPaths"}, readonly_paths());
}

void give_own_users(Spec& spec, const system::Path& space, std::uint32_t first) {
  spec.add_namespace("user", space);
  // The namespace has them, and a runtime that is to join it wants to be told nevertheless.
  const json::Array ids{json::Object{{"containerID", std::uint64_t{0}},
                                     {"hostID", std::uint64_t{first}},
                                     {"size", std::uint64_t{kUsersOfOne}}}};
  spec.set({"linux", "uidMappings"}, ids);
  spec.set({"linux", "gidMappings"}, ids);
}

}  // namespace drover::runtimes
