// LxcConfig: what LXC is told about a container, from the same OCI configuration that runc and crun
// get.
#pragma once

#include <string>
#include <string_view>

#include "runtimes/container.h"
#include "runtimes/oci/spec.h"

namespace drover::runtimes {

/// The text of lxc.container.conf(5), but for the program and its variables, which drover-lxc gives
/// liblxc itself: the file has one line for a value. `refused` naming what LXC cannot be told so.
/// `monitor_program` is drover-lxc, which also mounts the volumes, as the bundle in `home` has
/// them.
Result<std::string> make_lxc_config(const Container& container, const Spec& spec,
                                    const Path& monitor_program, const Path& home);

/// Where the hook of its start finds the bundle: `home`, or where root of a container with users of
/// its own can look.
Path hook_folder(const Container& container, const Path& home);
/// Its filter of system calls (seccomp_text.h), in the same folder.
Path seccomp_file(const Path& home);

/// In the container's folder below lxcpath: there when the kernel has ended a process of its last
/// run for want of memory. drover-lxc leaves it as liblxc's hook "stop", while the control group is
/// there still.
Path lack_of_memory_note(const Path& home);

/// LXC's own cgroups are named by container alone, for the whole host: ours must not meet those of
/// the node's admin.
inline constexpr std::string_view kLxcCgroups = "drover-lxc.";
std::string lxc_cgroup(const ContainerName& name);

}  // namespace drover::runtimes
