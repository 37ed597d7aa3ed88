#include "tests/pve-sim/clone_task.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "tests/pve-sim/guest_networks.h"
#include "tests/pve-sim/guest_tasks.h"
#include "tests/pve-sim/guest_volumes.h"
#include "tests/pve-sim/storage_lock.h"

namespace drover::pve_sim {
namespace {

using system::Stop;

std::string detail(const TaskRequest& request, std::string_view key) {
  const json::Value* const value = request.details.find(key);
  return std::string(value == nullptr ? "" : value->string_or(""));
}

/// Of the guest as it was at its snapshot, or as it is.
Result<json::Object> state_of(const json::Object& config, const std::string& snapshot) {
  if (snapshot.empty()) {
    return config;
  }
  const json::Value* const all = config.find("snapshots");
  const json::Value* const found = all == nullptr ? nullptr : all->find(snapshot);
  return found == nullptr || found->object() == nullptr
             ? Result<json::Object>(fail(Code::not_found, "snapshot '{}' does not exist", snapshot))
             : *found->object();
}

/// One disk, on the storage that is asked for or the one that it is on.
Result<std::string> copy_disk(const Place& place, const std::string& value,
                              const TaskRequest& request, const Stop& stop) {
  const std::string volid = read_property_string(value)[""];
  const std::string storage = storage_of(volid);
  const std::string snapshot = detail(request, "snapname");
  const path from = snapshot.empty() ? *volume_path(place, volid)
                                     : place.snapshots(storage) /
                                           (volid.substr(storage.size() + 1) + "@" + snapshot);
  if (!std::filesystem::exists(from)) {
    return fail(Code::not_found, "volume '{}' does not exist", volid);
  }
  const std::string asked = detail(request, "storage");
  const std::string to = asked.empty() ? storage : asked;
  std::string name;
  {
    const StorageLock lock = TRY(StorageLock::take(place, stop));
    name =
        free_volume_name(place, to, detail(request, "newid"), std::filesystem::is_directory(from));
    TRY(system::make_folders(volume_path(place, to + ":" + name)->parent_path()));
  }
  TRY(system::run_ok({"cp", "-a", "--sparse=always", "--reflink=auto", from.string(),
                      volume_path(place, to + ":" + name)->string()},
                     stop));
  return to + ":" + name + value.substr(volid.size());
}

/// The locks that this very copy has set.
void unlock(const Place& place, const std::string& vmid, std::string_view lock) {
  if (std::optional<json::Object> config = load_guest(place, vmid)) {
    const json::Value* const held = config->find("lock");
    if (held != nullptr && held->string_or("") == lock) {
      config->erase("lock");
      (void)save_guest(place, vmid, *config).has_value();
    }
  }
}

Result<> copy_disks(const Place& place, const TaskRequest& request, const TaskLog& log,
                    const Stop& stop) {
  const json::Object whole = load_guest(place, request.id).value_or(json::Object());
  const json::Object source = TRY(state_of(whole, detail(request, "snapname")));
  const std::string newid = detail(request, "newid");
  for (const auto& [key, value] : source) {
    if (!is_disk(key)) {
      continue;
    }
    const std::string disk(value.string_or(""));
    log.line(fmt::format("create full clone of mountpoint {} ({})", key,
                         read_property_string(disk)[""]));
    const std::string copy = TRY(copy_disk(place, disk, request, stop));
    json::Object config = load_guest(place, newid).value_or(json::Object());
    config.set(key, copy);
    TRY(save_guest(place, newid, config));
  }
  return {};
}

}  // namespace

Result<json::Object> begin_copy(const json::Object& source, const std::string& snapshot) {
  static const std::set<std::string_view> kNotCopied{
      "snapshots", "parent", "snaptime", "snapstate", "pending", "template", "lock"};
  const json::Object from = TRY(state_of(source, snapshot));
  json::Object config;
  for (const auto& [key, value] : from) {
    const std::string text(value.string_or(""));
    if (kNotCopied.contains(key) || key.starts_with("unused")) {
      continue;
    }
    if (is_disk(key)) {
      if (read_property_string(text)[""].starts_with('/')) {
        return fail(Code::broken, "unable to clone mountpoint '{}' (type bind)", key);
      }
      continue;
    }
    config.set(key, is_network(key) ? json::Value(with_new_address(text)) : value);
  }
  config.set("lock", "create");
  return config;
}

void drop_copy(const Place& place, const TaskRequest& request) {
  (void)destroy_guest(place, detail(request, "newid")).has_value();
  unlock(place, request.id, "disk");
}

Result<> clone_guest(const Place& place, const TaskRequest& request, const TaskLog& log,
                     const Stop& stop) {
  const Result<> copied = copy_disks(place, request, log, stop);
  if (!copied) {
    drop_copy(place, request);
    return fail(copied.error().code, "clone failed: {}", copied.error().message);
  }
  unlock(place, request.id, "disk");
  unlock(place, detail(request, "newid"), "create");
  return {};
}

}  // namespace drover::pve_sim
