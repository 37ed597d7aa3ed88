#include "tests/pve-sim/backup_tasks.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <set>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "tests/pve-sim/guest_volumes.h"
#include "tests/pve-sim/snapshot_tasks.h"

namespace drover::pve_sim {
namespace {

using system::Stop;

constexpr std::string_view kConfigInside = "./etc/vzdump/pct.conf";
constexpr std::string_view kPrefix = "vzdump-lxc-";

std::string text_of(const json::Object& object, std::string_view key) {
  const json::Value* const value = object.find(key);
  return std::string(value == nullptr ? "" : value->string_or(""));
}

/// As Proxmox writes it: "key: value", a description as comments before.
std::string pct_conf(const json::Object& config) {
  static const std::set<std::string_view> outside{"lock", "snapshots", "parent", "pending",
                                                  "description"};
  std::string text;
  if (std::string description = text_of(config, "description"); !description.empty()) {
    text = "#" + description;
  }
  for (const auto& [key, value] : config) {
    if (!outside.contains(key)) {
      text += fmt::format("{}: {}\n", key,
                          value.string() != nullptr ? *value.string() : json::write(value));
    }
  }
  return text;
}

json::Object read_pct_conf(std::string_view text) {
  json::Object config;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t colon = line.find(": ");
    if (line.starts_with('#') || colon == std::string_view::npos) {
      continue;
    }
    const std::string value(line.substr(colon + 2));
    const std::int64_t number = json::Value(value).integer_or(-1);
    config.set(line.substr(0, colon), number >= 0 && std::to_string(number) == value
                                          ? json::Value(number)
                                          : json::Value(value));
  }
  return config;
}

std::string extension(const std::string& compress) {
  if (compress == "zstd") {
    return ".tar.zst";
  }
  return compress == "gzip" || compress == "1" ? ".tar.gz"
         : compress == "lzo"                   ? ".tar.lzo"
                                               : ".tar";
}

/// One guest's way into an archive.
class Backup {
 public:
  Backup(const Place& place, const TaskRequest& request, const TaskLog& log)
      : place_(place), details_(request.details), vmid_(request.id), log_(log) {}

  Result<> make(const Stop& stop) {
    std::optional<json::Object> config = load_guest(place_, vmid_);
    if (!config) {
      return fail(Code::not_found, "Configuration file 'nodes/{}/lxc/{}.conf' does not exist",
                  place_.node, vmid_);
    }
    if (const json::Value* lock = config->find("lock")) {
      return fail(Code::conflict, "CT is locked ({})", lock->string_or(""));
    }
    const std::string contents = pct_conf(*config);
    config->set("lock", "backup");
    TRY(save_guest(place_, vmid_, *config));
    const bool runs = guest_runs(place_, vmid_);
    info("status = {}", runs ? "running" : "stopped");
    std::string mode = runs ? text_of(details_, "mode") : "stop";
    if (mode == "snapshot" && !has_snapshots(place_, *config)) {
      info("mode failure - some volumes do not support snapshots");
      info("trying 'suspend' mode instead");
      mode = "suspend";
    }
    info("backup mode: {}", mode);
    config_ = *config;
    Result<> made =
        mode == "stop" ? of_stopped(*config, contents, stop) : of_frozen(contents, stop);
    config->erase("lock");
    TRY(save_guest(place_, vmid_, *config));
    if (mode == "stop" && runs) {
      info("restarting vm");
      TRY(start_guest(place_, vmid_, Stop()));
    }
    return made;
  }

 private:
  template <class... Args>
  void info(fmt::format_string<Args...> pattern, Args&&... args) const {
    log_.line("INFO: " + fmt::format(pattern, std::forward<Args>(args)...));
  }

  Result<> of_stopped(const json::Object& config, const std::string& contents, const Stop& stop) {
    info("stopping vm");
    TRY(end_guest(place_, vmid_));
    TRY(mount_guest(place_, vmid_, config, stop));
    Result<> archived = archive(contents, stop);
    TRY(unmount_guest(place_, vmid_, config));
    return archived;
  }

  Result<> of_frozen(const std::string& contents, const Stop& stop) {
    const auto lxc = [&](const char* program) {
      return system::run_ok({program, "-P", place_.lxc_path.string(), "-n", vmid_}, Stop());
    };
    info("suspending guest");
    TRY(lxc("lxc-freeze"));
    Result<> archived = archive(contents, stop);
    TRY(lxc("lxc-unfreeze"));
    info("guest is online again after 0 seconds");
    return archived;
  }

  Result<> archive(const std::string& contents, const Stop& stop) {
    const std::string compress = text_of(details_, "compress");
    const path folder = place_.dump(text_of(details_, "storage"));
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    std::array<char, 32> stamp{};
    (void)std::strftime(stamp.data(), stamp.size(), "%Y_%m_%d-%H_%M_%S", &parts);
    const path file =
        folder / fmt::format("{}{}-{}{}", kPrefix, vmid_, stamp.data(), extension(compress));
    info("creating vzdump archive '{}'", file.string());
    const path unfinished = folder / (file.stem().string() + ".dat");
    const path beside = folder / (file.stem().string() + ".tmp");
    TRY(system::make_folders(beside / "etc/vzdump"));
    TRY(system::write_atomically(beside / kConfigInside, contents));
    std::vector<std::string> argv{"tar", "cpf", unfinished.string(), "--sparse", "--numeric-owner"};
    if (compress == "zstd") {
      argv.emplace_back("--zstd");
    } else if (compress == "gzip" || compress == "1") {
      argv.emplace_back("--gzip");
    } else if (compress == "lzo") {
      argv.emplace_back("--lzop");
    }
    argv.emplace_back("--anchored");
    for (const auto& [key, value] : config_) {
      auto volume = read_property_string(value.string_or(""));
      const bool included = key == "rootfs" || volume["backup"] == "1";
      if (is_disk(key) && !included) {
        info("excluding volume mount point {} ('{}') from backup (disabled)", key, volume["mp"]);
        argv.push_back(fmt::format("--exclude=.{}/*", volume["mp"]));
      }
    }
    argv.insert(argv.end(), {"--directory=" + beside.string(), std::string(kConfigInside),
                             "--directory=" + rootfs_of(place_, vmid_).string(), "."});
    Result<> archived;
    if (const Result<std::string> ran = system::run_ok(argv, stop); !ran) {
      archived = Failure(ran.error());
    }
    TRY(system::remove_tree(beside));
    if (!archived) {
      TRY(system::remove_tree(unfinished));
      return archived;
    }
    std::filesystem::rename(unfinished, file);
    info("archive file size: {}MB", std::filesystem::file_size(file) >> 20);
    if (const std::string notes = text_of(details_, "notes-template"); !notes.empty()) {
      info("adding notes to backup");
      TRY(system::write_atomically(file.string() + ".notes", notes + "\n"));
    }
    return {};
  }

  const Place& place_;
  const json::Object& details_;
  std::string vmid_;
  const TaskLog& log_;
  json::Object config_{};
};

/// What is asked for in place of the backup's disks: new ones of their size on one storage.
json::Object new_disks(const json::Object& from, const std::string& storage) {
  json::Object disks;
  for (const auto& [key, value] : from) {
    if (!is_disk(key)) {
      continue;
    }
    auto parts = read_property_string(value.string_or(""));
    std::string size = parts["size"];
    const double unit = size.ends_with('G') ? 1 : 1.0 / 1024;
    size.pop_back();
    std::string asked = fmt::format("{}:{}", storage, std::stod("0" + size) * unit);
    for (const auto& [name, text] : parts) {
      if (!name.empty() && name != "size") {
        asked += fmt::format(",{}={}", name, text);
      }
    }
    disks.set(key, asked);
  }
  return disks;
}

Result<> fill(const Place& place, const TaskRequest& request, const TaskLog& log,
              json::Object& config, const Stop& stop) {
  const std::string volume = text_of(request.details, "ostemplate");
  const std::optional<path> archive = volume_path(place, volume);
  if (!archive || !std::filesystem::exists(*archive)) {
    return fail(Code::not_found, "volume '{}' does not exist", volume);
  }
  log.line(fmt::format("recovering backed-up configuration from '{}'", volume));
  const std::string text =
      TRY(system::run_ok({"tar", "-xOf", archive->string(), std::string(kConfigInside)}, stop));
  const json::Object saved = read_pct_conf(text);
  if (config.find("rootfs") == nullptr) {
    for (const auto& [key, value] : new_disks(saved, text_of(request.details, "storage"))) {
      config.set(key, value);
    }
  }
  const auto tell = [&log](std::string_view line) { log.line(line); };
  for (auto& [key, value] : config) {
    if (is_disk(key)) {
      value =
          TRY(make_guest_volume(place, request.id, std::string(value.string_or("")), tell, stop));
    }
  }
  log.line(fmt::format("restoring '{}' now..", volume));
  TRY(mount_guest(place, request.id, config, stop));
  const path root = rootfs_of(place, request.id);
  Result<std::string> unpacked = system::run_ok(
      {"tar", "-xpf", archive->string(), "--numeric-owner", "-C", root.string()}, stop);
  const Result<> dropped = system::remove_tree(root / "etc/vzdump");
  TRY(unmount_guest(place, request.id, config));
  TRY(std::move(unpacked));
  TRY(Result<>(dropped));
  log.line("merging backed-up and given configuration..");
  for (const auto& [key, value] : saved) {
    if (!is_disk(key) && key != "unprivileged" && config.find(key) == nullptr) {
      config.set(key, value);
    }
  }
  return {};
}

/// On a storage whose folder has a file "keep-last-1", as its retention: only the newest stays.
void prune(const Place& place, const TaskRequest& request) {
  const path storage = place.storage(text_of(request.details, "storage"));
  if (!std::filesystem::exists(storage / "keep-last-1")) {
    return;
  }
  std::vector<path> files;
  for (const auto& entry : std::filesystem::directory_iterator(storage / "dump")) {
    if (guest_of_backup(entry.path()) == request.id) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  const std::string newest = files.empty() ? "" : files.back().string();
  for (const path& file : files) {
    // Its notes stand beside it, in a file whose name begins with the archive's.
    if (!newest.starts_with(file.string())) {
      std::filesystem::remove(file);
    }
  }
}

}  // namespace

std::string guest_of_backup(const path& file) {
  std::string name = file.filename().string();
  if (!name.starts_with(kPrefix)) {
    return "";
  }
  name.erase(0, kPrefix.size());
  return name.substr(0, name.find('-'));
}

Result<> back_up_guest(const Place& place, const TaskRequest& request, const TaskLog& log,
                       const Stop& stop) {
  log.line(fmt::format("INFO: starting new backup job: vzdump {}", request.id));
  log.line(fmt::format("INFO: Starting Backup of VM {} (lxc)", request.id));
  const Result<> made = Backup(place, request, log).make(stop);
  if (!made) {
    log.line(fmt::format("ERROR: Backup of VM {} failed - {}", request.id, made.error().message));
    log.line("INFO: Failed at 2026-01-01 12:00:00");
    log.line("INFO: Backup job finished with errors");
    log.line("INFO: notified via target `mail-to-root`");
    return fail(Code::broken, "job errors");
  }
  if (text_of(request.details, "remove") == "1") {
    prune(place, request);
  }
  log.line(fmt::format("INFO: Finished Backup of VM {} (00:00:01)", request.id));
  log.line("INFO: Backup job finished successfully");
  return {};
}

Result<> restore_guest(const Place& place, const TaskRequest& request, const TaskLog& log,
                       const Stop& stop) {
  json::Object config = *request.details.find("config")->object();
  Result<> filled = fill(place, request, log, config, stop);
  if (!filled) {
    (void)destroy_guest(place, request.id).has_value();
    return std::move(filled).context(fmt::format("unable to restore CT {} -", request.id));
  }
  return save_guest(place, request.id, config);
}

}  // namespace drover::pve_sim
