// Guests of OCI archives: what their image says, in Proxmox's words.
#pragma once

#include <map>

#include "tests/pve-sim/contract.h"
#include "tests/pve-sim/tasks.h"

namespace drover::pve_sim {

/// As Proxmox tells it from any other template: by its ending and what is in it.
bool is_oci_archive(const path& archive, const system::Stop& stop);

/// Unpacks the archive's first image into `root`, and writes its program, variables, user, folder
/// and signal into the guest's configuration, over what stood there.
Result<> unpack_oci_archive(const path& archive, const path& scratch, const path& root,
                            json::Object& config, const TaskLog& log, const system::Stop& stop);

/// What is wrong with `entrypoint` and `env`, by their names.
std::map<std::string, std::string> program_faults(const Parameters& parameters);

/// The words of `entrypoint` as Proxmox's LXC (6) splits them; LXC 5 knows no quotes there. None
/// for a guest without one.
std::vector<std::string> program_words(const json::Object& config);

/// The lines of LXC's configuration that come of `env` and of the image's own keys.
std::string lxc_program(const json::Object& config);

}  // namespace drover::pve_sim
