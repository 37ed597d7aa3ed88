// The tasks "download" and "ociregistrypull": templates that come by themselves.
#pragma once

#include "tests/pve-sim/tasks.h"

namespace drover::pve_sim {

/// What Proxmox makes of the name that a file shall have.
std::string kept_name(const std::string& wish);
/// Whether it takes a file of this name for a template.
bool is_template_name(const std::string& name);
/// As the list of a storage's content calls it: "tar", "tgz", "tzst"...
std::string template_format(const std::string& name);

/// Details: `url`, `to`, `insecure`, and where they are not "" `checksum` and `algorithm`.
Result<> download_template(const TaskRequest& request, const TaskLog& log,
                           const system::Stop& stop);
/// Details: `reference` and `to`.
Result<> pull_template(const TaskRequest& request, const TaskLog& log, const system::Stop& stop);

}  // namespace drover::pve_sim
