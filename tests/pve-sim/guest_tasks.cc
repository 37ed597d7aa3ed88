#include "tests/pve-sim/guest_tasks.h"

#include <fmt/format.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mount.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "tests/pve-sim/backup_tasks.h"
#include "tests/pve-sim/clone_task.h"
#include "tests/pve-sim/guest_limits.h"
#include "tests/pve-sim/guest_unit.h"
#include "tests/pve-sim/guest_volumes.h"
#include "tests/pve-sim/interfaces.h"
#include "tests/pve-sim/migrate_task.h"
#include "tests/pve-sim/oci_guest.h"
#include "tests/pve-sim/pending.h"
#include "tests/pve-sim/quorum.h"
#include "tests/pve-sim/resize_task.h"
#include "tests/pve-sim/sdn_apply.h"
#include "tests/pve-sim/snapshot_tasks.h"
#include "tests/pve-sim/storage_config.h"
#include "tests/pve-sim/storage_lock.h"
#include "tests/pve-sim/template_tasks.h"
#include "tests/pve-sim/upload_task.h"

namespace drover::pve_sim {

using system::Stop;

path rootfs_of(const Place& place, const std::string& vmid) {
  return place.lxc_path / vmid / "rootfs";
}

namespace {

// A guest's last process may hold its root for a moment after it was reported stopped; the kernel
// tells nobody when it lets go.
Result<> unmount(const path& target) {
  for (int tries = 0; umount2(target.c_str(), 0) != 0; ++tries) {
    if (errno == EINVAL || errno == ENOENT) {
      return {};
    }
    if (errno != EBUSY || tries == 100) {
      return fail(Code::broken, "umount '{}': {}", target.string(), std::strerror(errno));
    }
    poll(nullptr, 0, 50);
  }
  return {};
}

}  // namespace

Result<> unmount_guest(const Place& place, const std::string& vmid, const json::Object& config) {
  for (const auto& [key, value] : config) {
    if (key != "rootfs" && is_disk(key)) {
      const path inside = read_property_string(value.string_or(""))["mp"];
      TRY(unmount(rootfs_of(place, vmid) / inside.relative_path()));
    }
  }
  return unmount(rootfs_of(place, vmid));
}

namespace {

Result<> mount_volume(const Place& place, const std::string& volid, const path& target,
                      const Stop& stop) {
  // What begins with a slash is a folder of the node.
  const std::optional<path> source =
      volid.starts_with('/') ? std::optional<path>(volid) : volume_path(place, volid);
  if (!source || !std::filesystem::exists(*source)) {
    return fail(Code::not_found, "volume '{}' does not exist", volid);
  }
  const bool folder = std::filesystem::is_directory(*source);
  TRY(system::run_ok({"mount", "-o", folder ? "bind" : "loop", source->string(), target.string()},
                     stop));
  return {};
}

}  // namespace

Result<> mount_guest(const Place& place, const std::string& vmid, json::Object config,
                     const Stop& stop) {
  const path root = rootfs_of(place, vmid);
  TRY(system::make_folders(root));
  TRY(mount_volume(place, read_property_string(config.find("rootfs")->string_or(""))[""], root,
                   stop));
  for (const auto& [key, value] : config) {
    if (key == "rootfs" || !is_disk(key)) {
      continue;
    }
    auto mount = read_property_string(value.string_or(""));
    const path target = TRY(system::make_folders_in_root(root, mount["mp"]));
    TRY(mount_volume(place, mount[""], target, stop));
  }
  return {};
}

namespace {

Result<> unpack(const path& archive, const path& root, const Stop& stop) {
  const std::string command =
      fmt::format("tar -xpf {} --numeric-owner -C {}", archive.string(), root.string());
  const Result<system::Output> ran =
      system::run({"tar", "-xpf", archive.string(), "--numeric-owner", "-C", root.string()}, stop);
  if (!ran) {
    return fail(ran.error().code, "command '{}' failed: {}", command,
                stop.requested() ? "received interrupt" : ran.error().message);
  }
  return ran->ending.code == 0
             ? Result<>()
             : fail(Code::broken, "command '{}' failed: exit code {}", command, ran->ending.code);
}

Result<> fill_guest(const Place& place, const TaskRequest& request, json::Object& config,
                    const TaskLog& log, const Stop& stop) {
  const std::string template_id(request.details.find("ostemplate")->string_or(""));
  const auto tell = [&log](std::string_view line) { log.line(line); };
  for (auto& [key, value] : config) {
    if (is_disk(key)) {
      value =
          TRY(make_guest_volume(place, request.id, std::string(value.string_or("")), tell, stop));
    }
  }
  const std::optional<path> archive = volume_path(place, template_id);
  if (!archive || !std::filesystem::exists(*archive)) {
    return fail(Code::not_found, "volume '{}' does not exist", template_id);
  }
  json::Object root_only{{"rootfs", *config.find("rootfs")}};
  TRY(mount_guest(place, request.id, root_only, stop));
  const path root = rootfs_of(place, request.id);
  const bool is_oci = is_oci_archive(*archive, stop);
  if (!is_oci) {
    log.line(fmt::format("extracting archive '{}'", archive->string()));
  }
  Result<> unpacked = is_oci ? unpack_oci_archive(*archive, place.directory / ("oci-" + request.id),
                                                  root, config, log, stop)
                             : unpack(*archive, root, stop);
  TRY(unmount_guest(place, request.id, root_only));
  return unpacked;
}

Result<std::string> lxc_config(const Place& place, const std::string& vmid, json::Object config) {
  const auto text = [&config](const char* key, std::string_view otherwise) {
    const json::Value* value = config.find(key);
    return std::string(value == nullptr ? otherwise : value->string_or(otherwise));
  };
  std::string out = fmt::format(
      "lxc.rootfs.path = dir:{}\nlxc.uts.name = {}\nlxc.init.cmd = {}\nlxc.autodev = 1\n"
      "lxc.tty.max = 0\nlxc.pty.max = 1024\nlxc.mount.auto = proc:mixed sys:mixed\n"
      "lxc.apparmor.profile = unconfined\n",
      rootfs_of(place, vmid).string(), text("hostname", "CT" + vmid),
      text("entrypoint", "/sbin/init"));
  out += lxc_program(config) + lxc_limits_of(config);
  bool any = false;
  for (const auto& [key, value] : config) {
    if (!key.starts_with("net")) {
      continue;
    }
    any = true;
    auto net = read_property_string(value.string_or(""));
    if (if_nametoindex(net["bridge"].c_str()) == 0) {
      return fail(Code::not_found, "bridge '{}' does not exist", net["bridge"]);
    }
    const std::string n = key.substr(3);
    out += fmt::format(
        "lxc.net.{0}.type = veth\nlxc.net.{0}.link = {1}\nlxc.net.{0}.name = {2}\n"
        "lxc.net.{0}.flags = up\nlxc.net.{0}.veth.pair = veth{3}i{0}\n",
        n, net["bridge"], net["name"], vmid);
    if (const std::string ip = net["ip"]; ip.find('/') != std::string::npos) {
      out += fmt::format("lxc.net.{}.ipv4.address = {}\n", n, ip);
    }
    if (!net["hwaddr"].empty()) {
      out += fmt::format("lxc.net.{}.hwaddr = {}\n", n, net["hwaddr"]);
    }
    if (!net["gw"].empty()) {
      out += fmt::format("lxc.net.{}.ipv4.gateway = {}\n", n, net["gw"]);
    }
  }
  return any ? out : out + "lxc.net.0.type = empty\n";
}

json::Object apply_pending(const json::Object& config) {
  json::Object applied = with_pending(config);
  for (const auto& [key, value] : without_pending(config)) {
    const std::string volume = read_property_string(value.string_or(""))[""];
    if (is_disk(key) && applied.find(key) == nullptr && !volume.starts_with('/')) {
      keep_as_unused(applied, volume);
    }
  }
  return applied;
}

}  // namespace

Result<> start_guest(const Place& place, const std::string& vmid, const Stop& stop) {
  json::Object config = TRY(wait_for_config(place, vmid, stop));
  if (config.find("lock") != nullptr) {
    return fail(Code::conflict, "CT is locked ({})", config.find("lock")->string_or(""));
  }
  if (config.find("template") != nullptr) {
    return fail(Code::conflict, "you can't start a CT if it's a template");
  }
  TRY(unmount_guest(place, vmid, config));  // of a guest that ended by itself
  config = apply_pending(config);
  TRY(save_guest(place, vmid, config));
  const std::string text = TRY(lxc_config(place, vmid, config));
  Result<> started = mount_guest(place, vmid, config, stop);
  const path file = place.lxc_path / vmid / "config";
  if (started) {
    started = system::write_atomically(file, text);
  }
  if (started) {
    if (!start_unit(place, vmid, config, program_words(config), stop)) {
      started = fail(Code::broken, "startup for container '{}' failed", vmid);
    }
  }
  if (!started) {
    (void)unmount_guest(place, vmid, config).has_value();
  }
  return started;
}

namespace {

Result<> create_guest(const Place& place, const TaskRequest& request, const TaskLog& log,
                      const Stop& stop) {
  json::Object config = *request.details.find("config")->object();
  Result<> filled = fill_guest(place, request, config, log, stop);
  if (!filled) {
    (void)destroy_guest(place, request.id).has_value();
    return fail(filled.error().code, "unable to create CT {} - {}", request.id,
                filled.error().message);
  }
  TRY(check_guest_writable(place, request.id));
  TRY(save_guest(place, request.id, config));
  const json::Value* starts = request.details.find("start");
  return starts != nullptr && starts->boolean_or(false) ? start_guest(place, request.id, stop)
                                                        : Result<>();
}

}  // namespace

Result<> stop_guest(const Place& place, const std::string& vmid, std::optional<std::int64_t> grace,
                    bool then_force, const Stop& stop) {
  const std::optional<json::Object> config = load_guest(place, vmid);
  if (!config) {
    return fail(Code::not_found, "Configuration file 'nodes/{}/lxc/{}.conf' does not exist",
                place.node, vmid);
  }
  std::vector<std::string> argv{"lxc-stop", "-P", place.lxc_path.string(), "-n", vmid};
  if (grace) {
    std::vector<std::string> gentle = argv;
    gentle.insert(gentle.end(), {"--nokill", "-t", std::to_string(*grace)});
    const Result<std::string> ended = system::run_ok(gentle, stop);
    if (!ended && !then_force && guest_runs(place, vmid)) {
      return fail(Code::timed_out, "container did not stop");
    }
  }
  if (guest_runs(place, vmid)) {
    argv.emplace_back("-k");
    const Result<std::string> killed = system::run_ok(argv, stop);
    if (!killed && guest_runs(place, vmid)) {  // and not ended by somebody else
      return Failure(killed.error());
    }
  }
  return unmount_guest(place, vmid, *config);
}

Result<> end_guest(const Place& place, const std::string& vmid) {
  return stop_guest(place, vmid, std::nullopt, true, Stop());
}

Result<> destroy_guest(const Place& place, const std::string& vmid) {
  if (const std::optional<json::Object> config = load_guest(place, vmid)) {
    TRY(stop_guest(place, vmid, std::nullopt, true, Stop()));
    TRY(unmount_guest(place, vmid, *config));
  }
  TRY(system::remove_tree(place.lxc_path / vmid));
  TRY(system::remove_tree(place.guest_configs() / (vmid + ".conf")));
  for (const auto& [storage, config] : configured_storages(place)) {
    TRY(system::remove_tree(place.images(storage) / vmid));
    TRY(system::remove_tree(place.snapshots(storage) / vmid));
  }
  // Only now, as Proxmox does: its volumes are gone by then.
  TRY(check_guest_writable(place, vmid));
  TRY(system::remove_tree(place.firewall(vmid)));
  return system::remove_tree(guest_file(place, vmid));
}

Result<> do_task(const Place& place, const TaskRequest& request, const TaskLog& log,
                 const Stop& stop) {
  const auto number = [&request](const char* key, std::int64_t otherwise) {
    const json::Value* value = request.details.find(key);
    return value == nullptr ? otherwise : value->integer_or(otherwise);
  };
  if (request.type == "vzcreate") {
    return create_guest(place, request, log, stop);
  }
  if (request.type == "vzclone") {
    return clone_guest(place, request, log, stop);
  }
  if (request.type == "vzmigrate") {
    return migrate_guest(place, request, log, stop);
  }
  if (request.type == "hamigrate") {
    log.line(fmt::format("Requesting HA migration for CT {}", request.id));
    return {};
  }
  if (request.type == "vzrestore") {
    return restore_guest(place, request, log, stop);
  }
  if (request.type == "vzdump") {
    return back_up_guest(place, request, log, stop);
  }
  if (request.type == "vzstart") {
    return start_guest(place, request.id, stop);
  }
  if (request.type == "vzstop") {
    return stop_guest(place, request.id, std::nullopt, true, stop);
  }
  if (request.type == "vzshutdown") {
    return stop_guest(place, request.id, number("timeout", 60), number("forceStop", 0) == 1, stop);
  }
  if (request.type == "vzdestroy") {
    const StorageLock lock = TRY(StorageLock::take(place, stop));
    return destroy_guest(place, request.id);
  }
  if (request.type == "download") {
    return download_template(request, log, stop);
  }
  if (request.type == "ociregistrypull") {
    return pull_template(request, log, stop);
  }
  if (request.type == "vzsnapshot" || request.type == "vzrollback" ||
      request.type == "vzdelsnapshot") {
    return do_snapshot_task(place, request, log, stop);
  }
  if (request.type == "resize") {
    return resize_disk(place, request, log, stop);
  }
  if (request.type == "imgcopy") {
    return take_upload(request, log);
  }
  if (request.type == "imgdel") {
    const std::optional<path> file =
        volume_path(place, request.details.find("volume")->string_or(""));
    const StorageLock lock = TRY(StorageLock::take(place, stop));
    if (file) {
      TRY(system::remove_tree(file->string() + ".notes"));
    }
    const bool in_subvolume = file && file->filename() == "disk.raw";
    return file ? system::remove_tree(in_subvolume ? file->parent_path() : *file) : Result<>();
  }
  if (request.type == "srvreload") {
    TRY(apply_vnets(place, log, stop));
    return apply_interfaces(place, stop);
  }
  if (request.type == "reloadnetworkall") {
    return reload_all(place, log, stop);
  }
  return fail(Code::broken, "no task is called '{}'", request.type);
}

}  // namespace drover::pve_sim
