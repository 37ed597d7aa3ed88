// What a guest has of the backup or the guest that it was made of.
#pragma once

#include <cstddef>
#include <string>

#include "agent/core/json.h"

namespace drover::runtimes {

/// Whether its configuration names a program of an OCI image in place of an init.
bool runs_program(const json::Value& config);

/// Keys that are to go, parted by commas, because its spec does not name them: networks beyond its
/// `nets`, and the protection, as Proxmox removes no guest that has it. "" for none.
std::string unwanted_keys(const json::Value& config, std::size_t nets);

}  // namespace drover::runtimes
