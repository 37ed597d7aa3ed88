#include <algorithm>
#include <optional>

#include "agent/jobs/queries/queries.h"
#include "agent/jobs/reconcile/storage_watch.h"
#include "agent/system/disk_space.h"
#include "proxmox/storage_types.h"

namespace drover::jobs {
namespace {

json::Array strings(const std::vector<std::string>& texts) {
  return json::Array(texts.begin(), texts.end());
}

/// What can be done with a storage's volumes.
void set_abilities(json::Object& view, bool sized, bool grows, bool snapshots) {
  view.set("sized", sized);
  view.set("grows", grows);
  view.set("snapshots", snapshots);
}

/// Of one of the node's own, whose disks have so much room.
json::Object local_view(const std::string& name, const std::string& kind,
                        const Result<system::DiskSpace>& disk, bool sized, bool snapshots = false) {
  json::Object view{{"name", name},
                    {"type", name},
                    {"kind", kind},
                    {"content", json::Array{"volumes"}},
                    {"total", disk ? json::Value(disk->total) : json::Value()},
                    {"free", disk ? json::Value(disk->free) : json::Value()},
                    {"shared", false},
                    {"active", disk.has_value()},
                    {"seen_at", nullptr},
                    {"message", disk ? json::Value() : json::Value(disk.error().message)}};
  set_abilities(view, sized, sized, snapshots);
  return view;
}

/// Of one besides local-folder and local-image. `disk`: what those lie on.
json::Object other_view(const std::string& name, const runtimes::VolumeSource& source,
                        const Result<system::DiskSpace>& disk) {
  if (name == "local-btrfs") {
    return local_view(name, "subvolume", disk, true, true);
  }
  if (name != "local-thin") {
    return local_view(name, "file", disk, true);
  }
  const std::optional<system::DiskSpace> seen = source.space();
  json::Object view = local_view(
      name, "block",
      seen ? Result<system::DiskSpace>(*seen) : fail(Code::unavailable, "it was not looked at yet"),
      true, true);
  if (const Result<> room = source.has_room(); !room) {
    view.set("message", room.error().message);
  }
  return view;
}

/// Of one that Proxmox has.
json::Object view_of(const proxmox::StorageInfo& storage, const StorageWatch::Seen& seen) {
  const Result<const proxmox::StorageType*> type = proxmox::type_for_volumes(storage);
  std::string why = seen.blind;
  if (why.empty() && !type) {
    why = type.error().message;
  }
  json::Object view{
      {"name", storage.id},
      {"type", storage.type},
      {"kind", type ? json::Value(proxmox::to_string(*(*type)->form)) : json::Value()},
      {"content", strings(storage.content)},
      {"total", storage.active ? json::Value(storage.total_bytes) : json::Value()},
      {"free", storage.active ? json::Value(storage.available_bytes) : json::Value()},
      {"shared", storage.shared},
      {"active", storage.active},
      {"seen_at", seen.at},
      {"message", why.empty() ? json::Value() : json::Value(why)}};
  const bool grows =
      type && ((*type)->form == proxmox::VolumeForm::file || seen.no_node_storage.empty());
  set_abilities(view, type.has_value(), grows, type && (*type)->snapshots);
  return view;
}

/// Of one that the configuration names, and that was not seen.
json::Object missing_view(const std::string& name, const StorageWatch::Seen& seen) {
  std::string why = "Proxmox has no such storage on this node";
  if (seen.at == 0) {
    why = seen.blind.empty() ? "Proxmox was not asked yet" : seen.blind;
  }
  json::Object view{{"name", name},
                    {"type", nullptr},
                    {"kind", nullptr},
                    {"content", json::Array{}},
                    {"total", nullptr},
                    {"free", nullptr},
                    {"shared", false},
                    {"active", false},
                    {"seen_at", seen.at == 0 ? json::Value() : json::Value(seen.at)},
                    {"message", std::move(why)}};
  set_abilities(view, false, false, false);
  return view;
}

/// The storages of Proxmox that the configuration has containers use.
std::vector<std::string> configured(const Config& config) {
  std::vector<std::string> names = config.storage.template_storages;
  names.push_back(config.storage.guest_storage);
  if (!is_local_storage(config.storage.default_storage)) {
    names.push_back(config.storage.default_storage);
  }
  return names;
}

}  // namespace

Result<json::Value> Queries::storages(const json::Value& question) {
  const std::string after = TRY(after_which(question));
  std::map<std::string, json::Object> views;
  const Result<system::DiskSpace> disk = system::disk_space(node_.layout.local_volumes());
  views.emplace("local-folder", local_view("local-folder", "folder", disk, false));
  views.emplace("local-image", local_view("local-image", "file", disk, true));
  for (const auto& [storage, source] : node_.other_volumes) {
    if (source->usable()) {
      views.emplace(storage, other_view(storage, *source, disk));
    }
  }
  if (node_.storages != nullptr) {
    const StorageWatch::Seen seen = node_.storages->seen();
    for (const proxmox::StorageInfo& storage : seen.storages) {
      views.emplace(storage.id, view_of(storage, seen));
    }
    for (const std::string& name : configured(node_.config)) {
      views.emplace(name, missing_view(name, seen));
    }
  }
  std::vector<json::Object> rows;
  for (auto view = views.upper_bound(after); view != views.end(); ++view) {
    rows.push_back(std::move(view->second));
  }
  return page_of("storages", rows,
                 [](const json::Object& row) { return Result<json::Object>(row); });
}

}  // namespace drover::jobs
