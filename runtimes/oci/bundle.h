// Bundle: the folder from which runc or crun makes a container.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "runtimes/container.h"
#include "runtimes/oci/limits.h"
#include "runtimes/oci/spec.h"
#include "runtimes/runtime.h"

namespace drover::runtimes {

/// Annotations that stamp a container as ours.
inline constexpr std::string_view kNameAnnotation = "org.drover.name";
inline constexpr std::string_view kJobAnnotation = "org.drover.job";
/// Of every program in a container, whatever the agent's or the monitor's own is.
inline constexpr mode_t kProgramUmask = 022;
/// What a terminal can, for a program whose variables do not say: what any that is used can.
inline constexpr std::string_view kUsualTerminal = "TERM=xterm";

struct BundleOptions {
  bool systemd_cgroup = false;  ///< the runtime asks systemd for the cgroup, instead of making it
  Path seccomp_profile;         ///< of a container whose job names none; "" for none
  std::uint64_t default_pids = 0;
  std::uint64_t default_memory_mib = 0;
  bool apparmor = false;  ///< whether the node's kernel has AppArmor
  Path secrets{};         ///< Layout::laid_out_secrets; "" for one that gets none
};

/// The limits with the node's defaults in place of what is 0; what is 0 still has no limit.
Resources whole_limits(Resources asked, const BundleOptions& options);

/// The file of the filter that a container gets: its job's, else the node's; "" for none.
Path seccomp_profile_of(const ContainerSpec& wish, const BundleOptions& options);

/// The whole configuration of `container`, whose rootfs must be mounted: names of users are looked
/// up in it. `invalid` when nothing says which program to run.
Result<Spec> make_spec(const Container& container, const BundleOptions& options);

/// Writes Layout::bundle/config.json, 0600.
Result<> write_bundle(const Layout& layout, const Container& container,
                      const BundleOptions& options);
/// What `write_bundle` has written; `not_found` when there is none.
Result<Spec> read_bundle(const Path& bundle);

/// The "process" of `spec` changed to what `request` asks for: its program, its environment on top
/// of the container's, its folder, user and terminal. The confinement stays.
Result<json::Value> make_exec_process(Spec spec, const Container& container,
                                      const ExecRequest& request);

}  // namespace drover::runtimes
