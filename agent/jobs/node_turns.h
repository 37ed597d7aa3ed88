// Things of a node that a job takes its turn of.
#pragma once

#include <optional>
#include <string>

#include "agent/jobs/node.h"
#include "agent/jobs/turns.h"
#include "proxmox/template_volume.h"

namespace drover::jobs {

/// None for a storage that Proxmox does not keep ("" is the node's default).
std::optional<Scarce> turn_of_storage(const Node& node, const std::string& storage);

/// For unpacking it; none when it is here already, or `reference` is "".
std::optional<Scarce> turn_of_image(const Node& node, const std::string& reference);

/// For making and removing a container's root, when its runtime has Proxmox do that.
std::optional<Scarce> turn_of_root(const Node& node, const runtimes::Runtime& runtime);

/// For fetching a template and for looking what came of it: a task of Proxmox bears its file's
/// name, but not its storage's.
Scarce turn_of_template(const proxmox::TemplateVolume& volume);

}  // namespace drover::jobs
