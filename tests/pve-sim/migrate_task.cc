#include "tests/pve-sim/migrate_task.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "tests/pve-sim/guest_tasks.h"
#include "tests/pve-sim/guest_volumes.h"
#include "tests/pve-sim/peers.h"
#include "tests/pve-sim/quorum.h"
#include "tests/pve-sim/storage_config.h"

namespace drover::pve_sim {
namespace {

using system::Stop;

constexpr std::int64_t kShutdownSeconds = 180;

/// One guest on its way from this node to `peer`.
class Migration {
 public:
  Migration(const Place& place, Place peer, const TaskRequest& request, const TaskLog& log)
      : place_(place),
        peer_(std::move(peer)),
        vmid_(request.id),
        details_(request.details),
        log_(log) {}

  Result<> migrate(const Stop& stop) {
    if (const Result<> prepared = prepare(stop); !prepared) {
      log_.line(fmt::format("migration aborted: {}", prepared.error().message));
      return fail(Code::broken, "migration aborted");
    }
    if (const Result<> moved = move(stop); !moved) {
      log_.line("aborting phase 1 - cleanup resources");
      log_.line(moved.error().message);
      give_up();
      return fail(Code::broken, "migration aborted");
    }
    TRY(drop_here());
    if (const Result<> begun = begin_there(); !begun) {
      log_.line(begun.error().message);
      return fail(Code::broken, "migration problems");
    }
    return {};
  }

 private:
  std::string detail(std::string_view key) const {
    const json::Value* const value = details_.find(key);
    return std::string(value == nullptr ? "" : value->string_or(""));
  }

  /// Of a volume's storage: that which is asked for, or the same.
  std::string storage_there(const std::string& storage) const {
    const std::string asked = detail("target-storage");
    return asked.empty() || asked == "1" ? storage : asked;
  }

  Result<> prepare(const Stop& stop) {
    config_ = TRY(wait_for_config(place_, vmid_, stop));
    if (const json::Value* held = config_.find("lock")) {
      return fail(Code::conflict, "CT is locked ({})", held->string_or(""));
    }
    ran_ = guest_runs(place_, vmid_);
    if (ran_ && detail("online") == "1") {
      return fail(Code::refused, "lxc live migration is currently not implemented");
    }
    if (ran_ && detail("restart") != "1") {
      return fail(Code::conflict, "running container can only be migrated in restart mode");
    }
    for (const auto& [key, value] : config_) {
      if (!is_disk(key)) {
        continue;
      }
      const std::string volume = read_property_string(value.string_or(""))[""];
      if (volume.starts_with('/')) {
        return fail(Code::refused, "cannot migrate local bind mount point '{}'", key);
      }
      if (const std::string to = storage_there(storage_of(volume));
          storage_type(peer_, to).empty()) {
        return fail(Code::not_found, "storage '{}' is not available on node '{}'", to, peer_.node);
      }
    }
    if (ran_) {
      log_.line("shutdown CT " + vmid_);
      const json::Value* const timeout = details_.find("timeout");
      TRY(stop_guest(place_, vmid_,
                     timeout == nullptr ? kShutdownSeconds : timeout->integer_or(kShutdownSeconds),
                     false, stop));
    }
    return {};
  }

  /// Names every volume that is copied as it will be called there.
  Result<> move(const Stop& stop) {
    log_.line(fmt::format("starting migration of CT {} to node '{}'", vmid_, peer_.node));
    config_.set("lock", "migrate");
    TRY(save_guest(place_, vmid_, config_));
    TRY(check_snapshots());
    std::string text = json::write(config_);
    for (const auto& [key, value] : config_) {
      if (is_disk(key) || key.starts_with("unused")) {
        const std::string from = read_property_string(value.string_or(""))[""];
        const std::string to = TRY(copy_volume(from, stop));
        log_.line(fmt::format("volume '{}' is '{}' on the target", from, to));
        for (std::size_t at = 0; from != to && (at = text.find(from, at)) != std::string::npos;) {
          text.replace(at, from.size(), to);
          at += to.size();
        }
      }
    }
    TRY(check_guest_writable(place_, vmid_));
    const json::Value there = TRY(json::parse(text));
    TRY(save_guest(place_, vmid_, *there.object()));
    if (const Result<std::string> rules = system::read_file(place_.firewall(vmid_))) {
      TRY(system::make_folders(peer_.firewall(vmid_).parent_path()));
      TRY(system::write_atomically(peer_.firewall(vmid_), *rules));
    }
    // All at once, as in the file system that all nodes share.
    std::error_code failure;
    std::filesystem::rename(guest_file(place_, vmid_), guest_file(peer_, vmid_), failure);
    return failure ? fail(Code::broken, "rename: {}", failure.message()) : Result<>();
  }

  Result<> check_snapshots() const {
    const json::Value* const all = config_.find("snapshots");
    if (all == nullptr || all->object() == nullptr || all->object()->empty()) {
      return {};
    }
    for (const auto& [key, value] : config_) {
      const std::string volume = read_property_string(value.string_or(""))[""];
      if (is_disk(key) && storage_type(place_, storage_of(volume)) != "btrfs") {
        log_.line(
            fmt::format("can't migrate local volume '{}': non-migratable snapshot exists", volume));
        return fail(Code::refused, "can't migrate CT - check log");
      }
    }
    return {};
  }

  Result<std::string> copy_volume(const std::string& volid, const Stop& stop) {
    const std::string storage = storage_of(volid);
    const std::string to = storage_there(storage);
    std::string name = volid.substr(storage.size() + 1);
    const path from = *volume_path(place_, volid);
    path target = *volume_path(peer_, to + ":" + name);
    if (std::filesystem::exists(target)) {
      name = free_volume_name(peer_, to, vmid_, std::filesystem::is_directory(from));
      target = *volume_path(peer_, to + ":" + name);
    }
    TRY(system::make_folders(target.parent_path()));
    copied_.push_back(target);
    TRY(copy(from, target, stop));
    const json::Value* const all = config_.find("snapshots");
    const json::Object none;
    for (const auto& [snapshot, state] :
         all == nullptr || all->object() == nullptr ? none : *all->object()) {
      const path kept =
          place_.snapshots(storage) / (volid.substr(storage.size() + 1) + "@" + snapshot);
      const path copy_of_it = peer_.snapshots(to) / (name + "@" + snapshot);
      TRY(system::make_folders(copy_of_it.parent_path()));
      copied_.push_back(copy_of_it);
      TRY(std::filesystem::exists(kept) ? copy(kept, copy_of_it, stop) : Result<>());
    }
    return to + ":" + name;
  }

  static Result<> copy(const path& from, const path& to, const Stop& stop) {
    TRY(system::run_ok({"cp", "-a", "--sparse=always", from.string(), to.string()}, stop));
    return {};
  }

  void give_up() {
    for (const path& file : copied_) {
      log_.line(fmt::format("found stale volume copy '{}' on node '{}'", file.filename().string(),
                            peer_.node));
    }
    if (std::optional<json::Object> config = load_guest(place_, vmid_)) {
      config->erase("lock");
      (void)save_guest(place_, vmid_, *config).has_value();
    }
    if (ran_) {
      log_.line("start container on source node");
      (void)start_guest(place_, vmid_, Stop()).has_value();
    }
  }

  Result<> drop_here() {
    TRY(system::remove_tree(place_.firewall(vmid_)));
    TRY(system::remove_tree(place_.lxc_path / vmid_));
    for (const auto& [storage, config] : configured_storages(place_)) {
      TRY(system::remove_tree(place_.images(storage) / vmid_));
      TRY(system::remove_tree(place_.snapshots(storage) / vmid_));
    }
    return {};
  }

  /// By its own commands, as the real one does: the other node looks at what it has itself.
  Result<> begin_there() {
    std::optional<json::Object> config = load_guest(peer_, vmid_);
    if (!config) {
      return fail(Code::broken, "failed to clear migrate lock");
    }
    config->erase("lock");
    TRY(save_guest(peer_, vmid_, *config));
    if (!ran_) {
      return {};
    }
    log_.line("start container on target node");
    return start_guest(peer_, vmid_, Stop());
  }

  const Place& place_;
  const Place peer_;
  const std::string vmid_;
  const json::Object& details_;
  const TaskLog& log_;
  json::Object config_;
  bool ran_ = false;
  std::vector<path> copied_;
};

}  // namespace

Result<> migrate_guest(const Place& place, const TaskRequest& request, const TaskLog& log,
                       const Stop& stop) {
  const json::Value* const target = request.details.find("target");
  std::optional<Place> peer =
      find_peer(place, std::string(target == nullptr ? "" : target->string_or("")));
  if (!peer) {
    log.line("migration aborted: Can't connect to destination address using public key");
    return fail(Code::broken, "migration aborted");
  }
  return Migration(place, std::move(*peer), request, log).migrate(stop);
}

}  // namespace drover::pve_sim
