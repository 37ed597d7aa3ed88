// A filter of system calls as LXC reads it.
#pragma once

#include <string>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "runtimes/oci/bundle.h"

namespace drover::runtimes {

/// The filter (linux.seccomp of the OCI runtime specification) in LXC's own form, version 2
/// (lxc.container.conf(5), parse_config_v2 in seccomp.c of liblxc 5). LXC adds each rule for the
/// machine's architecture and for those that it calls compatible, whatever "architectures" says.
/// `refused` naming what LXC cannot be told: actions but allow, errno, trap and kill, flags,
/// listeners, and calls of sockets and of System V's IPC told apart by their arguments, which are
/// one call each on 32-bit x86. Of these one is passed over: the guard of Podman's profile before
/// netlink's audit, which is for programs that take its presence for a permission, and protects
/// nothing.
Result<std::string> lxc_seccomp_text(const json::Value& filter);

/// Gives the filter that `wish` has to a configuration without one, which an agent has written that
/// knew only LXC's own.
Result<> add_missing_filter(Spec& spec, const ContainerSpec& wish, const BundleOptions& options);

/// Whether the filter that a container would have is there, with the error of
/// check_seccomp_profile; of one that its job names, whether LXC can be told it, too.
Result<> check_lxc_filter(const ContainerSpec& spec, const BundleOptions& options);

}  // namespace drover::runtimes
