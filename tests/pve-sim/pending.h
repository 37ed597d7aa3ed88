// What a running guest is told of a change of its configuration at once, and what at its next
// start.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/json.h"

namespace drover::pve_sim {

/// Whether a guest that runs has the new value of this key at once.
bool is_hotplugged(std::string_view key);
/// Whether it has the default at once when the key is deleted.
bool is_hotplugged_when_deleted(std::string_view key);

/// The configuration once the guest starts: "pending" holds values by key, and in "delete" the keys
/// that go, each the value 1.
json::Object with_pending(json::Object config);
/// The configuration that the guest runs with.
json::Object without_pending(json::Object config);
/// Notes that a guest that runs is to have this value of the key, or null: not to have the key.
/// What was noted for it before counts no more.
void set_pending(json::Object& config, std::string_view key, json::Value value);
/// Forgets what was noted for the key.
void revert_pending(json::Object& config, std::string_view key);
/// As GET .../pending gives it.
json::Array pending_list(const json::Object& config, const std::string& digest);

}  // namespace drover::pve_sim
