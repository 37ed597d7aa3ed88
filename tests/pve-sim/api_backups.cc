// POST /nodes/NODE/vzdump, and the list of what it has made.
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "agent/system/file.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/backup_tasks.h"
#include "tests/pve-sim/storage_config.h"

namespace drover::pve_sim {

Answer Api::back_up(const Parameters& given, const std::string& user) {
  const auto text = [&given](const char* key, const char* otherwise) {
    return given.contains(key) ? given.at(key) : std::string(otherwise);
  };
  if (!given.contains("vmid")) {
    return error("no guest specified");
  }
  const std::string storage = text("storage", "local");
  if (storage_type(place_, storage).empty()) {
    return error(fmt::format("storage '{}' does not exist", storage));
  }
  for (const auto& [where, privilege] :
       {std::pair("/vms/" + given.at("vmid"), "VM.Backup"),
        std::pair("/storage/" + storage, "Datastore.AllocateSpace")}) {
    if (!users_.has(user, where, privilege)) {
      return error(permission_failed(where + ", " + privilege), 403);
    }
  }
  return start_task({"vzdump",
                     given.at("vmid"),
                     {{"storage", storage},
                      {"mode", text("mode", "snapshot")},
                      {"compress", text("compress", "0")},
                      {"remove", text("remove", "1")},
                      {"notes-template", text("notes-template", "")}}},
                    user);
}

json::Array Api::backups(const std::string& storage, const std::string& vmid) const {
  json::Array list;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(place_.dump(storage), failure)) {
    const std::string name = entry.path().filename().string();
    const std::string guest = guest_of_backup(entry.path());
    const std::size_t format = name.find(".tar");
    if (format == std::string::npos || name.ends_with(".notes") ||
        (!vmid.empty() && guest != vmid)) {
      continue;
    }
    struct stat facts {};
    stat(entry.path().c_str(), &facts);
    json::Object backup{{"volid", fmt::format("{}:backup/{}", storage, name)},
                        {"content", "backup"},
                        {"subtype", "lxc"},
                        {"format", name.substr(format + 1)},
                        {"size", std::int64_t{facts.st_size}},
                        {"ctime", std::int64_t{facts.st_mtime}},
                        {"vmid", json::Value(guest).integer_or(0)}};
    if (const auto notes = system::read_file(entry.path().string() + ".notes")) {
      backup.set("notes", notes->substr(0, notes->find('\n')));
    }
    list.emplace_back(std::move(backup));
  }
  return list;
}

}  // namespace drover::pve_sim
