// The methods below /nodes/NODE/storage.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>

#include "agent/system/file.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/backup_tasks.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/storage_config.h"
#include "tests/pve-sim/storage_lock.h"
#include "tests/pve-sim/template_tasks.h"
#include "tests/pve-sim/volume_permissions.h"

namespace drover::pve_sim {
namespace {

json::Object volume_facts(const path& file) {
  struct stat facts {};
  stat(file.c_str(), &facts);
  const bool folder = S_ISDIR(facts.st_mode);
  return {{"ctime", std::int64_t{facts.st_ctime}},
          {"parent", nullptr},
          {"format", folder ? "subvol" : "raw"},
          {"size", folder ? std::int64_t{0} : std::int64_t{facts.st_size}},
          {"used", folder ? std::int64_t{0} : std::int64_t{facts.st_blocks} * 512},
          {"path", file.string()}};
}

/// What the node says of a storage.
json::Object storage_facts(const path& folder, const json::Object& config) {
  struct statvfs disk {};
  const bool active = is_enabled(config) && statvfs(folder.c_str(), &disk) == 0;
  const std::uint64_t total = disk.f_blocks * disk.f_frsize;
  const std::uint64_t available = disk.f_bavail * disk.f_frsize;
  json::Object facts{{"type", *config.find("type")},
                     {"content", *config.find("content")},
                     {"active", active ? 1 : 0},
                     {"enabled", is_enabled(config) ? 1 : 0},
                     {"shared", 0},
                     {"total", total},
                     {"avail", available},
                     {"used", total - available}};
  if (active) {
    facts.set("used_fraction", static_cast<double>(total - available) / static_cast<double>(total));
  }
  return facts;
}

}  // namespace

Answer Api::upload(const Parameters& given, const std::string& user) {
  const std::string& name = given.at("filename");
  if (given.at("content") != "vztmpl" || !is_template_name(name) ||
      name.find('/') != std::string::npos) {
    return bad_parameters({{"filename", "wrong file extension"}});
  }
  const auto text = [&given](const char* key) {
    return given.contains(key) ? given.at(key) : std::string();
  };
  return start_task({"imgcopy",
                     "",
                     {{"from", given.at("tmpfilename")},
                      {"to", (place_.templates() / name).string()},
                      {"algorithm", text("checksum-algorithm")},
                      {"checksum", text("checksum")}}},
                    user);
}

Answer Api::storage(const std::string& method, const std::vector<std::string>& parts,
                    const Form& form, const std::string& user) {
  const std::map<std::string, json::Object> configured = configured_storages(place_);
  if (parts.size() == 3 && method == "GET") {
    CHECKED("GET /nodes/{node}/storage", {});
    json::Array list;
    for (const auto& [name, config] : configured) {
      if (!permissions_
               .refusal("GET /nodes/{node}/storage/{storage}/status", {{"storage", name}},
                        granted_to(user))
               .empty()) {
        continue;
      }
      json::Object facts = storage_facts(place_.storage(name), config);
      facts.set("storage", name);
      list.emplace_back(std::move(facts));
    }
    return with_data(std::move(list));
  }
  if (parts.size() < 5) {
    return not_implemented(method, parts);
  }
  const Parameters own{{"storage", parts[3]}};
  if (parts[4] == "status" && method == "GET") {
    CHECKED("GET /nodes/{node}/storage/{storage}/status", own);
    return configured.contains(parts[3])
               ? with_data(storage_facts(place_.storage(parts[3]), configured.at(parts[3])))
               : bad_parameters({{"storage", "No such storage."}});
  }
  const bool fetches = parts[4] == "download-url" || parts[4] == "oci-registry-pull";
  if (parts[4] != "content" && parts[4] != "upload" && !fetches) {
    return not_implemented(method, parts);
  }
  if (!configured.contains(parts[3])) {
    return error(fmt::format("storage '{}' does not exist", parts[3]));
  }
  if (!is_enabled(configured.at(parts[3]))) {
    return error(fmt::format("storage '{}' is disabled", parts[3]));
  }
  if (fetches) {
    return method == "POST" && parts.size() == 5 ? fetch_template(parts[4], form, user)
                                                 : not_implemented(method, parts);
  }
  if (parts[4] == "upload") {
    return method == "POST"
               ? upload(CHECKED("POST /nodes/{node}/storage/{storage}/upload", own), user)
               : not_implemented(method, parts);
  }
  if (parts.size() == 5 && method == "GET") {
    const Parameters given = CHECKED("GET /nodes/{node}/storage/{storage}/content", own);
    json::Array list;
    const auto wanted = [&given](const char* key, const std::string& value) {
      return !given.contains(key) || given.at(key) == value;
    };
    for (const auto& folder : std::filesystem::directory_iterator(place_.images(parts[3]))) {
      const std::string vmid = folder.path().filename().string();
      const std::string content = load_guest(place_, vmid) ? "rootdir" : "images";
      if (!folder.is_directory() || !wanted("vmid", vmid) || !wanted("content", content)) {
        continue;
      }
      for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
        const bool in_subvolume = std::filesystem::exists(file.path() / "disk.raw");
        json::Object volume = volume_facts(in_subvolume ? file.path() / "disk.raw" : file.path());
        volume.erase("path");
        volume.set("volid",
                   fmt::format("{}:{}/{}{}", parts[3], vmid, file.path().filename().string(),
                               in_subvolume ? ".raw" : ""));
        volume.set("vmid", json::Value(vmid).integer_or(0));
        volume.set("content", content);
        list.emplace_back(std::move(volume));
      }
    }
    if (wanted("content", "backup")) {
      for (json::Value& backup :
           backups(parts[3], given.contains("vmid") ? given.at("vmid") : "")) {
        list.push_back(std::move(backup));
      }
    }
    if (parts[3] == "local" && wanted("content", "vztmpl") && !given.contains("vmid")) {
      for (const auto& file : std::filesystem::directory_iterator(place_.templates())) {
        list.emplace_back(json::Object{{"volid", "local:vztmpl/" + file.path().filename().string()},
                                       {"content", "vztmpl"},
                                       {"ctime", *volume_facts(file.path()).find("ctime")},
                                       {"format", template_format(file.path().filename())},
                                       {"size", std::uint64_t{file.file_size()}}});
      }
    }
    std::erase_if(list, [&](const json::Value& volume) {
      return !volume_refusal(std::string(volume.at("volid").string_or("")), "", granted_to(user))
                  .empty();
    });
    return with_data(std::move(list));
  }
  if (parts.size() == 5 && method == "POST") {
    const Parameters given = CHECKED("POST /nodes/{node}/storage/{storage}/content", own);
    const std::string& name = given.at("filename");
    if (name.empty() || name.find('/') != std::string::npos || name == "." || name == "..") {
      return bad_parameters({{"filename", "value does not match the regex pattern"}});
    }
    const path file =
        *volume_path(place_, fmt::format("{}:{}/{}", parts[3], given.at("vmid"), name));
    const Result<StorageLock> lock = StorageLock::take(place_, system::Stop());
    if (!lock) {
      return error(lock.error().message);
    }
    if (std::filesystem::exists(file)) {
      return error(fmt::format("disk image '{}' already exists", file.string()));
    }
    std::filesystem::create_directories(file.parent_path());
    if (name.ends_with(".subvol")) {
      std::filesystem::create_directory(file);
    } else {
      std::string size = given.at("size");
      int shift = 10;  // KiB when there is no unit
      if (size.ends_with('M') || size.ends_with('G')) {
        shift = size.ends_with('M') ? 20 : 30;
        size.pop_back();
      }
      if (!system::write_atomically(file, "", 0640)) {
        return error(fmt::format("unable to create image '{}'", file.string()));
      }
      std::error_code failure;
      std::filesystem::resize_file(
          file, static_cast<std::uintmax_t>(json::Value(size).integer_or(0)) << shift, failure);
      if (failure) {
        return error(fmt::format("unable to create image: {}", failure.message()));
      }
    }
    return with_data(fmt::format("{}:{}/{}", parts[3], given.at("vmid"), name));
  }
  if (parts.size() < 6) {
    return not_implemented(method, parts);
  }
  std::string volume = parts[5];
  for (std::size_t i = 6; i < parts.size(); ++i) {
    volume += "/" + parts[i];
  }
  const std::string storage = parts[3] + ":";
  if (!volume.starts_with(storage)) {
    volume = storage + volume;
  }
  if (const std::string why = method == "GET" ? volume_refusal(volume, "", granted_to(user))
                                              : deletion_refusal(volume, granted_to(user));
      !why.empty()) {
    return error(why, 403);
  }
  const Parameters both{{"storage", parts[3]}, {"volume", volume}};
  const std::optional<path> file = volume_path(place_, volume);
  if (!file) {
    return error(
        fmt::format("unable to parse directory volume name '{}'", volume.substr(storage.size())));
  }
  if (method == "GET") {
    CHECKED("GET /nodes/{node}/storage/{storage}/content/{volume}", both);
    if (!std::filesystem::exists(*file)) {
      return error(fmt::format("volume_size_info on '{}' failed - no format", volume));
    }
    json::Object known = volume_facts(*file);
    known.erase("ctime");
    known.erase("parent");
    return with_data(std::move(known));
  }
  if (method == "DELETE") {
    CHECKED("DELETE /nodes/{node}/storage/{storage}/content/{volume}", both);
    std::string owner = volume.substr(storage.size(), volume.find('/') - storage.size());
    if (owner == "backup") {
      owner = guest_of_backup(*file);
    }
    return start_task({"imgdel", owner + "@" + parts[3], {{"volume", volume}}}, user);
  }
  return not_implemented(method, parts);
}

}  // namespace drover::pve_sim
