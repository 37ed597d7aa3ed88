// Sources of bind mounts: folders and files of the node that a job names and its policy allows.
//
// Who provisions a container (agent/jobs/verbs/provision.h) opens each source here and mounts it
// at Layout::bind_mount, nosuid and nodev. Runtimes find it in Container::mounts then, as they find
// volumes: what they mount is not what the source's name leads to by that time. A source may be a
// file, a socket or a FIFO as well; its place is then a file, too.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/core/config/policy.h"
#include "agent/core/container_spec.h"
#include "agent/core/result.h"
#include "agent/system/unique_fd.h"

namespace drover::runtimes {

/// The spec's bind mounts, by the names of the places where they are mounted (Layout::bind_mount).
std::vector<std::pair<std::string, MountSpec>> binds_of(const ContainerSpec& spec);

/// Whether a job may name the source, and so, by its name alone: of several of `allowed` that it
/// lies below, the longest decides, and one that holds a read-only one is read-only. `refused`,
/// naming source and what an admin may change. For a job that is not accepted yet: a name says
/// nothing of where links on its way lead.
Result<> check_bind_source(const std::vector<AllowedBind>& allowed, const MountSpec& mount);

/// Opens it, as it is now, with O_PATH and by openat2(2) below what allows it: to be mounted by
/// this descriptor (open_tree(2), or its name in /proc/self/fd) and no other way, since whoever may
/// write above it can put a link in its place at any time. Links on the way are followed as long as
/// they stay below, which one to an absolute path does not (unless "/" is what allows it). Where
/// one leads to decides, too: a link in a folder that may be written does not open a read-only one.
/// `refused`; `not_found`.
Result<system::UniqueFd> open_bind_source(const std::vector<AllowedBind>& allowed,
                                          const MountSpec& mount);

/// Mounts what `source`, of `open_bind_source`, is open on at `target`, which is made where it is
/// missing: with everything mounted below it, nosuid, nodev and with `read_only` so, all of it, and
/// not as shared as the node's. Mounted already is success.
Result<> mount_bind(const system::UniqueFd& source, const path& target, bool read_only);

/// Takes that away, also while something below it is in use, and the empty place. Not there is
/// success.
Result<> unmount_bind(const path& target);

}  // namespace drover::runtimes
