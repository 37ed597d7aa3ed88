#include "tests/pve-sim/storage_config.h"

#include <filesystem>

#include "agent/system/file.h"

namespace drover::pve_sim {
namespace {

constexpr const char* kEverything = "iso,vztmpl,backup,rootdir,snippets,images";

path configuration_of(const Place& place) {
  return place.directory / "storages.json";
}

/// The one that Proxmox has built in.
json::Object local_storage(const Place& place) {
  return {{"type", "dir"},
          {"content", kEverything},
          {"path", place.storage().string()},
          {"priority", 0},
          {"prune-backups", "keep-all=1"}};
}

}  // namespace

std::map<std::string, json::Object> configured_storages(const Place& place) {
  std::map<std::string, json::Object> all;
  const Result<std::string> text = system::read_file(configuration_of(place));
  const Result<json::Value> read = text ? json::parse(*text) : json::Value();
  if (read && read->object() != nullptr) {
    for (const auto& [name, storage] : *read->object()) {
      all.emplace(name, *storage.object());
    }
  }
  all.emplace("local", local_storage(place));
  return all;
}

std::string storage_type(const Place& place, const std::string& storage) {
  const auto all = configured_storages(place);
  const auto found = all.find(storage);
  return found == all.end() ? "" : std::string(found->second.find("type")->string_or(""));
}

bool is_enabled(const json::Object& storage) {
  const json::Value* disabled = storage.find("disable");
  return disabled == nullptr || disabled->integer_or(0) == 0;
}

Result<> configure_storages(const Place& place, const std::map<std::string, json::Object>& all) {
  json::Object stored;
  for (const auto& [name, storage] : all) {
    const path folder(storage.find("path")->string_or(""));
    TRY(system::make_folders(folder));
    std::error_code error;
    if (folder != place.storage(name) && !std::filesystem::exists(place.storage(name), error)) {
      std::filesystem::create_directory_symlink(folder, place.storage(name), error);
    }
    if (error) {
      return fail(Code::broken, "mkdir {}: {}", folder.string(), error.message());
    }
    TRY(system::make_folders(place.images(name)));
    stored.set(name, storage);
  }
  return system::write_atomically(configuration_of(place), json::write(stored), 0600);
}

std::map<std::string, json::Object> first_storages(const Place& place) {
  std::map<std::string, json::Object> all;
  for (const auto& [name, type] : place.storages) {
    all.emplace(name, name == "local" ? local_storage(place)
                                      : json::Object{{"type", type},
                                                     {"content", kEverything},
                                                     {"path", place.storage(name).string()}});
  }
  return all;
}

}  // namespace drover::pve_sim
