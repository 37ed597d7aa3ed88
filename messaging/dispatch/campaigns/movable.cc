#include "messaging/dispatch/campaigns/movable.h"

#include <vector>

namespace drover::dispatch {
namespace {

bool has_any(const json::Value& value) {
  return value.array() != nullptr && !value.array()->empty();
}

std::vector<std::string> reasons_against(const json::Value& container) {
  const json::Value& spec = container.at("spec");
  std::vector<std::string> reasons;
  if (spec.object() == nullptr) {
    reasons.emplace_back("its spec is not known");
    return reasons;
  }
  if (container.at("status").string_or("") != "running") {
    reasons.emplace_back("it does not run, so there is nothing to keep up");
  }
  if (container.at("runtime").string_or("") == "pve-lxc") {
    reasons.emplace_back("it is a guest of Proxmox; drover migrate moves it");
  }
  if (spec.at("singleton").boolean_or(false)) {
    reasons.emplace_back("it must run once in the cluster; stop it here, and run it anew");
  }
  if (has_any(spec.at("volumes"))) {
    reasons.emplace_back("it has volumes, which stay on their node");
  }
  if (!spec.at("rootfs").string_or("").empty()) {
    reasons.emplace_back("its root is a folder of its node");
  }
  for (const json::Value& mount :
       has_any(spec.at("mounts")) ? *spec.at("mounts").array() : json::Array()) {
    if (!mount.at("source").string_or("").empty()) {
      reasons.push_back(fmt::format("it has {} of its node", mount.at("source").string_or("")));
    }
  }
  for (const json::Value& network :
       has_any(spec.at("networks")) ? *spec.at("networks").array() : json::Array()) {
    const std::string_view address = network.at("address").string_or("");
    if (!address.empty() && address != "dhcp") {
      reasons.push_back(
          fmt::format("it has the address {}, which two would have for a while", address));
    }
  }
  return reasons;
}

}  // namespace

Result<MovableContainer> check_movable(const json::Value& container) {
  const std::vector<std::string> reasons = reasons_against(container);
  if (!reasons.empty()) {
    return fail(Code::refused, "{}", fmt::join(reasons, "; "));
  }
  const json::Value& spec = container.at("spec");
  const json::Value& resources = spec.at("resources");
  MovableContainer movable{spec, {}, std::string(container.at("job").string_or(""))};
  movable.needs.capacity.milli_cpus =
      static_cast<std::int64_t>(resources.at("cpus").number() * 1000);
  movable.needs.capacity.memory_mib = resources.at("memory_mib").integer_or(0);
  movable.needs.strategy = Strategy::spread;
  movable.needs.runtime = runtime_kind_from(container.at("runtime").string_or(""));
  return movable;
}

}  // namespace drover::dispatch
