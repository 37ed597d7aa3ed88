// The methods below /nodes/NODE/lxc/VMID that copy guests and make their disks larger.
#include <fmt/format.h>

#include <mutex>

#include "agent/system/file.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/clone_task.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/guest_tasks.h"
#include "tests/pve-sim/quorum.h"
#include "tests/pve-sim/resize_task.h"

namespace drover::pve_sim {

Answer Api::clone_guest(const std::string& vmid, const Form& form, const std::string& user) {
  // Of two that copy one guest at once the second finds it locked.
  static std::mutex copying;
  Parameters given = CHECKED("POST /nodes/{node}/lxc/{vmid}/clone", (Parameters{{"vmid", vmid}}));
  const std::lock_guard lock(copying);
  std::optional<json::Object> source = load_guest(place_, vmid);
  if (!source) {
    return error(
        fmt::format("Configuration file 'nodes/{}/lxc/{}.conf' does not exist", place_.node, vmid));
  }
  if (const Result<> quorate = check_quorum(place_); !quorate) {
    return error(quorate.error().message);
  }
  if (const json::Value* held = source->find("lock")) {
    return error(fmt::format("CT is locked ({})", held->string_or("")));
  }
  const std::string storage = given["storage"];
  if (!storage.empty() && !place_.storages.contains(storage)) {
    return error(fmt::format("storage '{}' does not exist", storage));
  }
  const std::string newid = given["newid"];
  const std::string snapshot = given["snapname"];
  if (const Result<> reserved = reserve_guest(newid); !reserved) {
    return error(reserved.error().message);
  }
  Result<json::Object> config = begin_copy(*source, snapshot);
  if (given.contains("full") && given["full"] == "0") {
    config = fail(Code::broken, "Linked clone feature for '{}' is not available",
                  read_property_string(source->find("rootfs")->string_or(""))[""]);
  } else if (guest_runs(place_, vmid) && snapshot.empty()) {
    config = fail(Code::conflict, "Cannot do full clones on a running container without snapshots");
  }
  if (!config) {
    (void)destroy_guest(place_, newid).has_value();
    return error(config.error().message);
  }
  for (const char* key : {"hostname", "description"}) {
    if (given.contains(key)) {
      config->set(key, given[key] + (std::string_view(key) == "description" ? "\n" : ""));
    }
  }
  source->set("lock", "disk");
  Result<> saved = save_guest(place_, vmid, *source);
  if (saved) {
    saved = save_guest(place_, newid, *config);
  }
  if (const Result<std::string> rules = system::read_file(place_.firewall(vmid)); saved && rules) {
    saved = system::write_atomically(place_.firewall(newid), *rules);
  }
  return saved ? start_task({"vzclone",
                             vmid,
                             {{"newid", newid}, {"snapname", snapshot}, {"storage", storage}}},
                            user)
               : error(saved.error().message);
}

Answer Api::resize_guest(const std::string& vmid, const Form& form, const std::string& user) {
  Parameters given = CHECKED("PUT /nodes/{node}/lxc/{vmid}/resize", (Parameters{{"vmid", vmid}}));
  const std::optional<json::Object> config = load_guest(place_, vmid);
  if (!config) {
    return error(
        fmt::format("Configuration file 'nodes/{}/lxc/{}.conf' does not exist", place_.node, vmid));
  }
  if (given.contains("digest") && given["digest"] != digest_of(*config)) {
    return error("detected modified configuration - file changed by other user? Try again.");
  }
  // Looked at twice: before the task, and in it.
  const Result<std::uint64_t> size = size_after(place_, *config, given["disk"], given["size"]);
  return size ? start_task({"resize", vmid, {{"disk", given["disk"]}, {"size", given["size"]}}},
                           user)
              : error(size.error().message);
}

}  // namespace drover::pve_sim
