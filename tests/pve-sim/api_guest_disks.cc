// The methods below /nodes/NODE/lxc/VMID that make guests' disks larger.
#include <fmt/format.h>

#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/guest_config.h"
#include "tests/pve-sim/resize_task.h"

namespace drover::pve_sim {

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
