// Things of a node that a job takes its turn of, or has alone.
#pragma once

#include <optional>
#include <string>

#include "agent/core/job.h"
#include "agent/jobs/node.h"
#include "agent/jobs/turns.h"
#include "proxmox/template_volume.h"

namespace drover::jobs {

/// None for a storage that Proxmox does not keep ("" is the node's default).
std::optional<Scarce> turn_of_storage(const Node& node, const std::string& storage);

/// For growing a disk of a guest on it. Proxmox takes no lock of the storage for that, and a check
/// of a large file system may take hours: so it holds up nobody who makes or frees volumes there.
std::optional<Scarce> turn_of_growth(const Node& node, const std::string& storage);

/// For mounting it: several containers may have one, all read-only.
Scarce turn_of_volume(const runtimes::Volume& volume);

/// For unpacking one of a layout; none when it is here already, for any other, which is fetched
/// once for all who want it, or when `reference` is "".
std::optional<Scarce> turn_of_image(const Node& node, const std::string& reference);

/// For making and removing a container's root, when its runtime has Proxmox do that.
std::optional<Scarce> turn_of_root(const Node& node, const runtimes::Runtime& runtime);

/// For copying a guest, which Proxmox keeps locked meanwhile.
Scarce turn_of_source(Vmid source);

/// For fetching a template and for looking what came of it: a task of Proxmox bears its file's
/// name, but not its storage's.
Scarce turn_of_template(const proxmox::TemplateVolume& volume);

/// Supervisor::Deeds::has_alone: backups, which Proxmox makes one after the other on a node,
/// migrations, which share its network, and copies of one container, which it keeps locked
/// meanwhile. Each may take hours, so that fifty
/// that waited for their turn on their threads would leave no worker for anything else.
std::string sole_use_of(const JobRequest& request);

}  // namespace drover::jobs
