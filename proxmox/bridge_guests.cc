#include "proxmox/bridge_guests.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/core/split.h"
#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

/// "net0": "name=eth0,bridge=web,...".
bool has_interface_on(const json::Value& config, const std::string& bridge) {
  const json::Object* members = config.object();
  return members != nullptr &&
         std::any_of(members->begin(), members->end(), [&](const json::Member& member) {
           if (!member.first.starts_with("net")) {
             return false;
           }
           const std::vector<std::string> parts = split(member.second.string_or(""), ",");
           return std::find(parts.begin(), parts.end(), "bridge=" + bridge) != parts.end();
         });
}

}  // namespace

Result<std::vector<std::string>> guests_on_bridge(Client& client, const std::string& bridge,
                                                  const Stop& stop) {
  const json::Array all = TRY(list_of(client.get("/cluster/resources", {{"type", "vm"}}, stop),
                                      "list the cluster's guests"));
  std::vector<std::string> on_it;
  for (const json::Value& guest : all) {
    const std::string type(guest.at("type").string_or(""));
    const std::string node(guest.at("node").string_or(""));
    const std::int64_t vmid = guest.at("vmid").integer_or(0);
    if ((type != "lxc" && type != "qemu") || node.empty() || vmid <= 0) {
      continue;
    }
    const Result<json::Value> config =
        client.get(fmt::format("/nodes/{}/{}/{}/config", path_segment(node), type, vmid), {}, stop);
    if (!config &&
        (config.error().code == Code::not_found || config.error().code == Code::refused)) {
      continue;  // gone since, or not ours to see
    }
    if (!config) {
      return Failure(config.error());
    }
    if (has_interface_on(*config, bridge)) {
      const std::string name = one_line(guest.at("name").string_or(""));
      on_it.push_back(fmt::format("{} {}{} on node {}", type, vmid,
                                  name.empty() ? "" : " (" + name + ")", one_line(node)));
    }
  }
  return on_it;
}

}  // namespace drover::proxmox
