// The volumes of a guest: its root and its mount points.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// Whether the key of a configuration names a volume.
bool is_disk(std::string_view key);

/// "100/vm-100-disk-2.raw", the first that is not taken.
std::string free_volume_name(const Place& place, const std::string& storage,
                             const std::string& vmid, bool folder);

/// "local:1,mp=/x" asks for a new volume of 1 GiB, which is made; the result names it and its size.
/// A value that names what is there already is given back. `tell` gets the lines for a task's log.
Result<std::string> make_guest_volume(const Place& place, const std::string& vmid,
                                      const std::string& value,
                                      const std::function<void(std::string_view)>& tell,
                                      const system::Stop& stop);

/// Keeps what no key names any more under a key of its own, "unused0".
void keep_as_unused(json::Object& config, const std::string& volume);

/// Renames the guest's volumes "vm-..." to "base-...", as a template's are called.
Result<> make_base_volumes(const Place& place, const std::string& vmid, json::Object& config);

}  // namespace drover::pve_sim
