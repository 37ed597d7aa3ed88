// How a guest is made and configured.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <mutex>

#include "agent/core/split.h"
#include "agent/system/file.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/guest_networks.h"
#include "tests/pve-sim/guest_permissions.h"
#include "tests/pve-sim/guest_volumes.h"
#include "tests/pve-sim/oci_guest.h"
#include "tests/pve-sim/peers.h"
#include "tests/pve-sim/pending.h"
#include "tests/pve-sim/quorum.h"
#include "tests/pve-sim/storage_config.h"
#include "tests/pve-sim/volume_permissions.h"

namespace drover::pve_sim {

namespace {
// A guest's number is taken by one create only.
std::mutex creating;

constexpr std::array kNumbers{"memory", "swap", "cores", "unprivileged", "onboot"};

json::Value stored(const std::string& key, const std::string& value) {
  for (const char* number : kNumbers) {
    if (key == number) {
      return json::Value(value).integer_or(0);
    }
  }
  // Proxmox ends a description with a newline and parts tags by ';'.
  if (key == "description" && !value.ends_with('\n')) {
    return value + "\n";
  }
  if (is_network(key)) {
    return stored_network(value);
  }
  std::string text = value;
  if (key == "tags") {
    for (char& c : text) {
      c = c == ',' || c == ' ' ? ';' : c;
    }
  }
  return text;
}

void store_all(const Parameters& given, json::Object& config) {
  for (const auto& [key, value] : given) {
    if (!is_about_call(key)) {
      config.set(key, stored(key, value));
    }
  }
}

Result<> remove_key(const Place& place, const std::string& key, json::Object& config) {
  const json::Value* value = config.find(key);
  const std::string volume = value == nullptr ? "" : read_property_string(value->string_or(""))[""];
  config.erase(key);
  if (volume.empty() || volume.starts_with('/')) {
    return {};
  }
  if (key.starts_with("unused")) {
    const std::optional<path> file = volume_path(place, volume);
    return file ? system::remove_tree(*file) : Result<>();
  }
  if (is_disk(key)) {
    keep_as_unused(config, volume);
  }
  return {};
}

// What a guest that runs cannot take now waits for its start.
Result<> change_guest(const Place& place, const std::string& vmid, const Parameters& given,
                      const std::vector<std::string>& goes, json::Object& config) {
  const bool runs = guest_runs(place, vmid);
  for (const std::string& key : split(given.contains("revert") ? given.at("revert") : "", ",; ")) {
    revert_pending(config, key);
  }
  for (const std::string& key : goes) {
    revert_pending(config, key);
    if (runs && config.find(key) != nullptr && !is_hotplugged_when_deleted(key)) {
      set_pending(config, key, nullptr);
    } else {
      TRY(remove_key(place, key, config));
    }
  }
  json::Object wanted;
  store_all(given, wanted);
  for (const auto& [key, value] : wanted) {
    json::Value taken = value;
    if (is_disk(key)) {
      taken = TRY(make_guest_volume(
          place, vmid, std::string(value.string_or("")), [](std::string_view) {}, system::Stop()));
    }
    revert_pending(config, key);
    if (!runs || is_hotplugged(key)) {
      config.set(key, std::move(taken));
    } else if (const json::Value* now = config.find(key); now == nullptr || !(*now == taken)) {
      set_pending(config, key, std::move(taken));
    }
  }
  return {};
}

// A guest that is made, anew or of a backup, with the storage its disks go to.
std::string creation_refusal(const Parameters& given, const std::string& user, const Has& has) {
  const std::string& vmid = given.at("vmid");
  if (!has("/vms/" + vmid, "VM.Allocate")) {
    return permission_failed("");
  }
  if (std::string why = change_refusal({vmid, given, {}, {}}, user, has); !why.empty()) {
    return why;
  }
  const std::string& source = given.at("ostemplate");
  if (std::string why =
          source.find(':') == std::string::npos ? "" : volume_refusal(source, vmid, has);
      !why.empty()) {
    return why;
  }
  const std::string storage =
      "/storage/" + (given.contains("storage") ? given.at("storage") : "local");
  const bool says_where = given.contains("rootfs");
  return says_where || has(storage, "Datastore.AllocateSpace")
             ? ""
             : permission_failed(storage + ", Datastore.AllocateSpace");
}

}  // namespace

Result<> Api::reserve_guest(const std::string& vmid) const {
  const std::lock_guard lock(creating);
  if (const std::string node = node_with_guest(place_, vmid); !node.empty()) {
    return fail(Code::conflict, "CT {} already exists on node '{}'", vmid, node);
  }
  return save_guest(place_, vmid, json::Object{{"lock", "create"}});
}

Answer Api::restore_guest(const Parameters& given, const std::string& user) {
  const std::string& archive = given.at("ostemplate");
  const std::string storage = given.contains("storage") ? given.at("storage") : "local";
  for (const std::string& named : {storage_of(archive), storage}) {
    if (storage_type(place_, named).empty()) {
      return error(fmt::format("storage '{}' does not exist", named));
    }
  }
  json::Object config;
  store_all(given, config);
  const std::string& vmid = given.at("vmid");
  if (const Result<> reserved = reserve_guest(vmid); !reserved) {
    return error(fmt::format("unable to restore CT {} - {}", vmid, reserved.error().message));
  }
  return start_task(
      {"vzrestore",
       vmid,
       {{"config", std::move(config)}, {"ostemplate", archive}, {"storage", storage}}},
      user);
}

Answer Api::create_guest(const Parameters& given, const std::string& user) {
  if (const Result<> quorate = check_quorum(place_); !quorate) {
    return error(quorate.error().message);
  }
  const std::string& vmid = given.at("vmid");
  if (const auto faults = program_faults(given); !faults.empty()) {
    return bad_parameters(faults);
  }
  if (const std::string why = creation_refusal(given, user, granted_to(user)); !why.empty()) {
    return error(why, 403);
  }
  if (given.at("ostemplate").find(':') == std::string::npos) {
    return error(
        "Only root can pass arbitrary filesystem paths. at "
        "/usr/share/perl5/PVE/Storage.pm line 651.");
  }
  if (given.contains("restore") && given.at("restore") == "1") {
    return restore_guest(given, user);
  }
  if (!given.at("ostemplate").starts_with("local:")) {
    return error(fmt::format("storage '{}' does not exist", storage_of(given.at("ostemplate"))));
  }
  const std::string storage = given.contains("storage") ? given.at("storage") : "local";
  json::Object config{{"arch", "amd64"}, {"ostype", "unmanaged"},   {"memory", 512},
                      {"swap", 512},     {"hostname", "CT" + vmid}, {"rootfs", storage + ":4"}};
  store_all(given, config);
  for (const auto& [key, value] : config) {
    if (key == "rootfs" || (key.starts_with("mp") && key.size() > 2)) {
      const std::string volume = read_property_string(value.string_or(""))[""];
      if (storage_type(place_, storage_of(volume)).empty()) {
        return error(
            fmt::format("storage '{}' does not exist", volume.substr(0, volume.find(':'))));
      }
    }
  }
  if (const Result<> reserved = reserve_guest(vmid); !reserved) {
    return error(reserved.error().message);
  }
  return start_task({"vzcreate",
                     vmid,
                     {{"config", std::move(config)},
                      {"ostemplate", given.at("ostemplate")},
                      {"start", given.contains("start") ? given.at("start") : "0"}}},
                    user);
}

Answer Api::configure_guest(const std::string& vmid, const Parameters& given,
                            const std::string& user) {
  if (const auto faults = program_faults(given); !faults.empty()) {
    return bad_parameters(faults);
  }
  const std::vector<std::string> goes =
      split(given.contains("delete") ? given.at("delete") : "", ",; ");
  const GuestChange change{vmid, given, goes, load_guest(place_, vmid).value_or(json::Object())};
  if (const std::string why = change_refusal(change, user, granted_to(user)); !why.empty()) {
    return error(why, 403);
  }
  for (const std::string& key : goes) {
    if (!contract_.has_parameter("PUT /nodes/{node}/lxc/{vmid}/config", key)) {
      return bad_parameters({{"delete", fmt::format("unknown option '{}'", key)}});
    }
  }
  if (const auto waited = wait_for_config(place_, vmid, system::Stop()); !waited) {
    return error(waited.error().message);
  }
  const std::lock_guard lock(creating);
  json::Object config = load_guest(place_, vmid).value_or(json::Object());
  if (given.contains("digest") && given.at("digest") != digest_of(config)) {
    return error("detected modified configuration - file changed by other user? Try again.");
  }
  if (const json::Value* held = config.find("lock")) {
    return error(fmt::format("CT is locked ({})", held->string_or("")));
  }
  if (given.contains("unprivileged")) {
    return error("unable to modify read-only option: 'unprivileged'");
  }
  if (const Result<> writable = check_guest_writable(place_, vmid); !writable) {
    return error(writable.error().message);
  }
  Result<> changed = change_guest(place_, vmid, given, goes, config);
  if (changed) {
    changed = save_guest(place_, vmid, config);
  }
  return changed ? with_data(nullptr) : error(changed.error().message);
}

Answer Api::make_template(const std::string& vmid, json::Object config) {
  const std::lock_guard lock(creating);
  if (guest_runs(place_, vmid)) {
    return error("you can't convert a CT to template if the CT is running");
  }
  if (const Result<> writable = check_guest_writable(place_, vmid); !writable) {
    return error(writable.error().message);
  }
  config.set("template", 1);
  Result<> made = make_base_volumes(place_, vmid, config);
  if (made) {
    made = save_guest(place_, vmid, config);
  }
  return made ? with_data(nullptr) : error(made.error().message);
}

}  // namespace drover::pve_sim
