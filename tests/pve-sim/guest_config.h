// The configuration of a guest, as a JSON file below Place::guests().
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/system/stop.h"
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
/// The configuration, once nobody holds its lock: a create does to its end. Whoever has waited in
/// vain (Place::lock_wait) is told so; `not_found` where there is none, also after a create that
/// failed.
Result<json::Object> wait_for_config(const Place& place, const std::string& vmid,
                                     const system::Stop& stop);
/// The id of the guest's first process, 0 while it has none; nothing where the guest does not run.
/// As lxc-info says.
std::optional<int> guest_process(const Place& place, const std::string& vmid);
bool guest_runs(const Place& place, const std::string& vmid);

/// "local" of "local:100/x.raw"; "" when the id names no storage.
std::string storage_of(std::string_view volid);
/// Where a volume lies; nothing when the id is malformed or its storage is not there.
std::optional<path> volume_path(const Place& place, std::string_view volid);

}  // namespace drover::pve_sim
