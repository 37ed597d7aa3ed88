// The program and environment of a guest that is made from an OCI archive.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/core/container_spec.h"
#include "agent/core/json.h"
#include "agent/core/result.h"
#include "proxmox/client.h"

namespace drover::runtimes {

/// Whether Proxmox would take the template for an OCI archive, whose guests can be given a program
/// of their own.
bool is_archive(const std::string& image);

/// The command as LXC splits it again (lxc.init.cmd): words that are quoted whole, without any
/// escape. `refused` for a word that cannot be written so, or that Proxmox would garble.
Result<std::string> entrypoint_of(const std::vector<std::string>& command);

/// `refused` for a variable that Proxmox would not take, or not keep as it is.
Result<> check_environment(const std::map<std::string, std::string>& env);

/// What is missing of the spec's program and variables in a guest's configuration: the parameters
/// of its change, none when nothing is. Variables of the image that the spec does not name stay;
/// `refused` for one of these that Proxmox would not take.
Result<proxmox::Form> program_form(const ContainerSpec& spec, const json::Value& config);

}  // namespace drover::runtimes
