// The storages that are configured, in one file that tasks read as well as the API.
#pragma once

#include <map>
#include <string>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// By name, each as GET /storage shows it, but for its name and digest: "type", "content", "path",
/// and what else it was given. "local" is there also where nobody has configured it.
std::map<std::string, json::Object> configured_storages(const Place& place);
/// "" where there is no such storage.
std::string storage_type(const Place& place, const std::string& storage);
bool is_enabled(const json::Object& storage);

/// Replaces all of them. Those with a path elsewhere are there from then on, below Place::directory
/// by a link.
Result<> configure_storages(const Place& place, const std::map<std::string, json::Object>& all);
/// As the command line asks for them: folders below Place::directory, for everything.
std::map<std::string, json::Object> first_storages(const Place& place);

}  // namespace drover::pve_sim
