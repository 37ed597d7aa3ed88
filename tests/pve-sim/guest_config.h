// The configuration of a guest, as a JSON file below Place::guests().
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// "local:1,mp=/data" as {"": "local:1", "mp": "/data"}.
std::map<std::string, std::string> read_property_string(std::string_view text);

path guest_file(const Place& place, const std::string& vmid);
std::optional<json::Object> load_guest(const Place& place, const std::string& vmid);
Result<> save_guest(const Place& place, const std::string& vmid, const json::Object& config);
/// SHA-1 of what is stored, 40 hex digits.
std::string digest_of(const json::Object& config);
std::vector<std::string> guest_ids(const Place& place);
/// As lxc-info says; false when there is none.
bool guest_runs(const Place& place, const std::string& vmid);

/// Where a volume of storage "local" lies: "local:100/x.raw"; nothing when the id is malformed.
std::optional<path> volume_path(const Place& place, std::string_view volid);

}  // namespace drover::pve_sim
