// From a container's spec to what Proxmox is asked for.
#pragma once

#include <string_view>

#include "agent/core/container_spec.h"
#include "agent/core/result.h"
#include "proxmox/guests.h"
#include "runtimes/guest/guest_options.h"

namespace drover::runtimes {

/// Whether an image is a backup of a guest, "STORAGE:backup/...".
bool is_backup(std::string_view image);

/// Everything of the request but the hostname and the tags. `refused` names the first field that a
/// guest cannot be given: its program, user and environment are the template's own (of an OCI
/// archive the user only: guest_program.h), and the API takes no bound on processes. An interface
/// without an address asks for one by DHCP. Guests are unprivileged, and those with a memory limit
/// get no swap beside it. One that is made of a backup has that one's disks, in their sizes, unless
/// its spec names volumes of its own; a root disk that is to be larger is grown afterwards.
/// Of one that is a copy of another, what it is to have in place of what that one has.
Result<proxmox::GuestRequest> map_spec(const ContainerSpec& spec, const GuestOptions& options);

/// What a guest's configuration is changed to for these limits; what is 0 becomes Proxmox's
/// default.
Result<proxmox::Form> limits_form(const Resources& limits);

/// The inverse: the limits in a guest's configuration that `limits_form` or `map_spec` has set.
Resources limits_of(const json::Value& config);

}  // namespace drover::runtimes
