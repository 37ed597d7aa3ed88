// What a job chooses of its container's confinement, where that is not left as it usually is.
#pragma once

#include "agent/core/container_spec.h"
#include "agent/core/result.h"
#include "runtimes/oci/spec.h"

namespace drover::runtimes {

/// SecuritySpec's word for no filter and no profile.
inline constexpr std::string_view kUnconfined = "unconfined";

/// Whether the node's kernel has AppArmor. Without it runc takes no word of it, and crun drops it
/// in silence.
bool has_apparmor();

/// Limits of processes, sysctls, devices, whether privileges may be gained, and the profile of
/// AppArmor. Devices are looked for on the node: `not_found`, or `refused` when one is none.
Result<> choose_confinement(Spec& spec, const ContainerSpec& wish, bool apparmor);

/// Puts the devices in place of those that the configuration has, as they are on the node by now:
/// after a reboot their numbers may be those of others, as of a volume of another container.
/// `not_found`, `refused`.
Result<> renew_devices(Spec& spec, const std::vector<DeviceSpec>& devices);

/// `refused` naming the member that this node or any container of runc and crun cannot have:
/// profiles of AppArmor where the kernel has none, devices over the kernel's own files, and
/// annotations that runc, crun and systemd act on.
Result<> check_choices(const ContainerSpec& wish, RuntimeKind kind, bool apparmor);

/// Whether an annotation of this name changes what the runtime or systemd does: crun's run filters
/// of their own and write files of the node with them, and runc gives its to systemd. To runc they
/// are labels as well, "NAME=VALUE" in one text, of which one leads to a file of the node that CRIU
/// runs scripts by, and the first "bundle" to the bundle.
bool steers_runtime(std::string_view annotation);

}  // namespace drover::runtimes
