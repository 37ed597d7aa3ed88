#include "runtimes/oci/confinement.h"

#include <sys/resource.h>

#include <algorithm>

namespace drover::runtimes {
namespace {

/// Podman's default (containers.conf(5), default_capabilities): what the programs of ordinary
/// images need to drop to their own users. Raw sockets and device nodes are not among it.
const json::Array& default_capabilities() {
  static const json::Array names{"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FOWNER",
                                 "CAP_FSETID",  "CAP_KILL",         "CAP_NET_BIND_SERVICE",
                                 "CAP_SETFCAP", "CAP_SETGID",       "CAP_SETPCAP",
                                 "CAP_SETUID",  "CAP_SYS_CHROOT"};
  return names;
}

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

/// The agent's own limit is high, and programs that walk over all possible descriptors would crawl
/// with it; so the soft one is the kernel's default, and a program may raise it.
json::Value descriptor_limit() {
  rlimit ours{};
  getrlimit(RLIMIT_NOFILE, &ours);
  const auto hard = static_cast<std::uint64_t>(std::min<rlim_t>(ours.rlim_max, 1U << 20));
  return json::Array{json::Object{
      {"type", "RLIMIT_NOFILE"}, {"hard", hard}, {"soft", std::min<std::uint64_t>(hard, 1024)}}};
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

void set_capabilities(Spec& spec, const ImageUser& user) {
  const json::Array& all = default_capabilities();
  const json::Array held = user.uid == 0 ? all : json::Array();
  spec.set({"process", "capabilities"}, json::Object{{"bounding", all},
                                                     {"effective", held},
                                                     {"permitted", held},
                                                     {"inheritable", json::Array()},
                                                     {"ambient", json::Array()}});
}

void confine(Spec& spec, const system::Path& netns) {
  for (const std::string_view type : {"pid", "ipc", "uts", "mount", "cgroup"}) {
    spec.add_namespace(type);
  }
  spec.add_namespace("network", netns);
  spec.set({"process", "noNewPrivileges"}, true);
  spec.set({"process", "rlimits"}, descriptor_limit());
  // The agent's own score may be low, and its children would inherit it.
  spec.set({"process", "oomScoreAdj"}, 0);
  spec.set({"linux", "resources", "devices"},
           json::Array{json::Object{{"allow", false}, {"access", "rwm"}}});
  // Lets a program ping without a raw socket (icmp(7)).
  spec.set({"linux", "sysctl", "net.ipv4.ping_group_range"}, "0 2147483647");
  spec.set({"linux", "maskedPaths"}, masked_paths());
  spec.set({"linux", "readonlyPaths"}, readonly_paths());
}

Result<> add_seccomp(Spec& spec, const system::Path& profile) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  const std::string text = TRY(system::read_file(profile, kMost).context("seccomp profile"));
  json::Value filter =
      TRY(json::parse(text).context(fmt::format("seccomp profile {}", profile.native())));
  if (filter.find("archMap") != nullptr) {
    return fail(
        Code::invalid,
        "seccomp profile {} is one of Docker's (it has \"archMap\"); runc and crun take the "
        "member linux.seccomp of the OCI runtime specification",
        profile.native());
  }
  spec.set({"linux", "seccomp"}, std::move(filter));
  return spec.validate().context(fmt::format("seccomp profile {}", profile.native()));
}

}  // namespace drover::runtimes
