// The methods below /storage: what storages there are.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "agent/core/split.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/storage_config.h"

namespace drover::pve_sim {
namespace {

using Storages = std::map<std::string, json::Object>;

json::Object shown(const std::string& name, json::Object storage, const Storages& all) {
  json::Object whole;
  for (const auto& [each, config] : all) {
    whole.set(each, config);
  }
  storage.set("storage", name);
  storage.set("digest", digest_of(whole));
  return storage;
}

/// What was given, as it is kept.
void set_options(json::Object& storage, const Parameters& given) {
  for (const auto& [name, value] : given) {
    const bool is_flag = name == "disable" || name == "shared" || name == "mkdir" ||
                         name == "create-base-path" || name == "create-subdirs" || name == "nocow";
    if (is_flag) {
      storage.set(name, value == "1" ? 1 : 0);
    } else if (name != "storage" && name != "digest" && name != "delete") {
      storage.set(name, value);
    }
  }
  for (const std::string& name : split(given.contains("delete") ? given.at("delete") : "", ",")) {
    storage.erase(name);
  }
}

}  // namespace

Answer Api::create_storage(const Parameters& given) {
  const std::string& name = given.at("storage");
  const std::string& type = given.at("type");
  Storages all = configured_storages(place_);
  if (type != "dir" && type != "btrfs") {
    return error(fmt::format("the simulator has no storages of type {}", type));
  }
  if (!given.contains("path")) {
    return error("missing value for required option 'path'");
  }
  if (all.contains(name)) {
    return error(fmt::format("create storage failed: storage ID '{}' already defined", name));
  }
  json::Object storage{{"content", "images,rootdir"}};
  set_options(storage, given);
  all.emplace(name, std::move(storage));
  const Result<> made = configure_storages(place_, all);
  return made ? with_data(json::Object{{"storage", name}, {"type", type}})
              : error("create storage failed: " + made.error().message);
}

Answer Api::storage_config(const std::string& method, const std::vector<std::string>& parts,
                           const Form& form) {
  Storages all = configured_storages(place_);
  if (parts.size() == 1 && method == "GET") {
    const Parameters given = CHECKED("GET /storage", {});
    json::Array list;
    for (const auto& [name, storage] : all) {
      if (!given.contains("type") || storage.find("type")->string_or("") == given.at("type")) {
        list.emplace_back(shown(name, storage, all));
      }
    }
    return with_data(std::move(list));
  }
  if (parts.size() == 1 && method == "POST") {
    return create_storage(CHECKED("POST /storage", {}));
  }
  if (parts.size() != 2 || (method != "GET" && method != "PUT" && method != "DELETE")) {
    return not_implemented(method, parts);
  }
  const std::string& name = parts[1];
  const Parameters given = CHECKED(method + " /storage/{storage}", (Parameters{{"storage", name}}));
  const auto found = all.find(name);
  if (found == all.end()) {
    return error(fmt::format("{}storage '{}' does not exist",
                             method == "DELETE" ? "delete storage failed: " : "", name));
  }
  if (method == "GET") {
    return with_data(shown(name, found->second, all));
  }
  const std::string type(found->second.find("type")->string_or(""));
  const bool by_link = std::filesystem::is_symlink(place_.storage(name));
  if (method == "PUT") {
    set_options(found->second, given);
  } else {
    all.erase(found);
  }
  if (const Result<> kept = configure_storages(place_, all); !kept) {
    return error(kept.error().message);
  }
  if (method == "PUT") {
    return with_data(json::Object{{"storage", name}, {"type", type}});
  }
  if (by_link) {
    std::filesystem::remove(place_.storage(name));  // what is on it stays
  }
  return with_data(json::Value());
}

}  // namespace drover::pve_sim
