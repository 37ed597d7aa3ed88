#include "tests/pve-sim/snapshot_tasks.h"

#include <fmt/format.h>

#include <ctime>
#include <set>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "tests/pve-sim/storage_config.h"

namespace drover::pve_sim {
namespace {

using system::Stop;

/// What a snapshot does not keep of the configuration.
const std::set<std::string_view> kOutside{"snapshots", "pending",     "lock",  "snapstate",
                                          "snaptime",  "description", "parent"};

std::vector<std::string> volumes_of(const json::Object& config) {
  std::vector<std::string> volumes;
  for (const auto& [key, value] : config) {
    if (key == "rootfs" || (key.starts_with("mp") && key.size() > 2)) {
      volumes.push_back(read_property_string(value.string_or(""))[""]);
    }
  }
  return volumes;
}

/// Beside the storage's volumes, so that no list of those has it.
path snapshot_file(const Place& place, const std::string& volid, const std::string& name) {
  const std::string storage = storage_of(volid);
  return place.snapshots(storage) / (volid.substr(storage.size() + 1) + "@" + name);
}

Result<> copy(const path& from, const path& to, const Stop& stop) {
  TRY(system::make_folders(to.parent_path()));
  TRY(system::remove_tree(to));
  TRY(system::run_ok({"cp", "-a", "--sparse=always", "--reflink=auto", from.string(), to.string()},
                     stop));
  return {};
}

json::Object members(const json::Object& config, std::string_view key) {
  const json::Value* const value = config.find(key);
  return value == nullptr || value->object() == nullptr ? json::Object() : *value->object();
}

/// One guest's snapshot of one name.
class SnapshotTask {
 public:
  SnapshotTask(const Place& place, const TaskRequest& request)
      : place_(place),
        vmid_(request.id),
        name_(request.details.find("snapname")->string_or("")),
        description_(request.details.find("description")->string_or("")) {}

  Result<> take(const Stop& stop) {
    json::Object config = TRY(unlocked());
    json::Object all = members(config, "snapshots");
    if (all.find(name_) != nullptr) {
      return fail(Code::conflict, "snapshot name '{}' already used", name_);
    }
    if (!has_snapshots(place_, config)) {
      return fail(Code::refused, "snapshot feature is not available");
    }
    json::Object snapshot = kept(config);
    if (const json::Value* parent = config.find("parent")) {
      snapshot.set("parent", *parent);
    }
    snapshot.set("snapstate", "prepare");
    snapshot.set("snaptime", std::int64_t{std::time(nullptr)});
    if (!description_.empty()) {
      snapshot.set("description", description_ + "\n");
    }
    all.set(name_, snapshot);
    config.set("snapshots", all);
    config.set("lock", "snapshot");
    TRY(save_guest(place_, vmid_, config));
    const Result<> copied = copy_frozen(config, stop);
    if (!copied) {
      drop_files(config);
      all.erase(name_);
    } else {
      snapshot.erase("snapstate");
      all.set(name_, std::move(snapshot));
      config.set("parent", name_);
    }
    config.set("snapshots", std::move(all));
    config.erase("lock");
    TRY(save_guest(place_, vmid_, config));
    return copied;
  }

  Result<> roll_back() {
    json::Object config = TRY(load());
    const json::Object snapshot = TRY(find(config));
    if (const json::Value* state = snapshot.find("snapstate")) {
      return fail(Code::broken, "unable to rollback to incomplete snapshot (snapstate = {})",
                  state->string_or(""));
    }
    config = TRY(unlocked());
    TRY(end_guest(place_, vmid_));
    config.set("lock", "rollback");
    TRY(save_guest(place_, vmid_, config));
    for (const std::string& volume : volumes_of(snapshot)) {
      // Not to be broken off: the two halves of the guest would be of two times.
      TRY(copy(snapshot_file(place_, volume, name_), *volume_path(place_, volume), Stop()));
    }
    json::Object then = kept(snapshot);
    then.set("snapshots", *config.find("snapshots"));
    then.set("parent", name_);
    if (const json::Value* description = config.find("description")) {
      then.set("description", *description);
    }
    return save_guest(place_, vmid_, then);
  }

  Result<> remove() {
    json::Object config = TRY(load());
    json::Object snapshot = TRY(find(config));
    config = TRY(unlocked());
    json::Object all = members(config, "snapshots");
    snapshot.set("snapstate", "delete");
    all.set(name_, snapshot);
    config.set("snapshots", all);
    config.set("lock", "snapshot-delete");
    TRY(save_guest(place_, vmid_, config));
    drop_files(snapshot);
    all.erase(name_);
    const json::Value* const grandparent = snapshot.find("parent");
    for (auto& [other, value] : all) {
      json::Object changed = *value.object();
      take_over(changed, grandparent);
      value = std::move(changed);
    }
    take_over(config, grandparent);
    config.set("snapshots", std::move(all));
    config.erase("lock");
    return save_guest(place_, vmid_, config);
  }

 private:
  Result<json::Object> load() const {
    std::optional<json::Object> config = load_guest(place_, vmid_);
    if (!config) {
      return fail(Code::not_found, "Configuration file 'nodes/{}/lxc/{}.conf' does not exist",
                  place_.node, vmid_);
    }
    return std::move(*config);
  }

  Result<json::Object> unlocked() const {
    json::Object config = TRY(load());
    if (const json::Value* lock = config.find("lock")) {
      return fail(Code::conflict, "CT is locked ({})", lock->string_or(""));
    }
    return config;
  }

  Result<json::Object> find(const json::Object& config) const {
    const json::Object all = members(config, "snapshots");
    if (all.find(name_) == nullptr) {
      return fail(Code::not_found, "snapshot '{}' does not exist", name_);
    }
    return members(all, name_);
  }

  static json::Object kept(const json::Object& config) {
    json::Object snapshot;
    for (const auto& [key, value] : config) {
      if (!kOutside.contains(key)) {
        snapshot.set(key, value);
      }
    }
    return snapshot;
  }

  /// A guest that runs is frozen meanwhile, and its file systems are written out.
  Result<> copy_frozen(const json::Object& config, const Stop& stop) const {
    const bool running = guest_runs(place_, vmid_);
    const auto lxc = [&](const char* program) {
      return system::run_ok({program, "-P", place_.lxc_path.string(), "-n", vmid_}, Stop());
    };
    if (running) {
      TRY(lxc("lxc-freeze"));
      TRY(system::run_ok({"sync"}, stop));
    }
    Result<> copied;
    for (const std::string& volume : volumes_of(config)) {
      if (copied) {
        copied = copy(*volume_path(place_, volume), snapshot_file(place_, volume, name_), stop);
      }
    }
    if (running) {
      TRY(lxc("lxc-unfreeze"));
    }
    return copied;
  }

  void drop_files(const json::Object& config) const {
    for (const std::string& volume : volumes_of(config)) {
      (void)system::remove_tree(snapshot_file(place_, volume, name_)).has_value();
    }
  }

  /// What came from this snapshot comes from its parent now.
  void take_over(json::Object& config, const json::Value* grandparent) const {
    const json::Value* const parent = config.find("parent");
    if (parent == nullptr || parent->string_or("") != name_) {
      return;
    }
    if (grandparent == nullptr) {
      config.erase("parent");
    } else {
      config.set("parent", *grandparent);
    }
  }

  const Place& place_;
  std::string vmid_;
  std::string name_;
  std::string description_;
};

}  // namespace

bool has_snapshots(const Place& place, const json::Object& config) {
  for (const std::string& volume : volumes_of(config)) {
    if (storage_type(place, storage_of(volume)) != "btrfs") {
      return false;
    }
  }
  return true;
}

Result<> do_snapshot_task(const Place& place, const TaskRequest& request, const TaskLog& log,
                          const system::Stop& stop) {
  SnapshotTask task(place, request);
  if (request.type == "vzsnapshot") {
    Result<> taken = task.take(stop);
    if (!taken && stop.requested()) {
      log.line("snapshot create failed: starting cleanup");
    }
    return taken;
  }
  return request.type == "vzrollback" ? task.roll_back() : task.remove();
}

}  // namespace drover::pve_sim
