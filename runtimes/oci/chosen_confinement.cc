#include "runtimes/oci/chosen_confinement.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "agent/core/ascii.h"
#include "runtimes/container.h"
#include "runtimes/oci/confinement.h"
#include "runtimes/oci/node_device.h"

namespace drover::runtimes {
namespace {

/// The agent's own limit is high, and programs that walk over all possible descriptors would crawl
/// with it; so the soft one is the kernel's default, and a program may raise it.
ProcessLimit usual_descriptors() {
  rlimit ours{};
  getrlimit(RLIMIT_NOFILE, &ours);
  const auto hard = static_cast<std::uint64_t>(std::min<rlim_t>(ours.rlim_max, 1U << 20));
  return {std::min<std::uint64_t>(hard, 1024), hard};
}

void set_process_limits(Spec& spec, ProcessLimits limits) {
  limits.try_emplace("nofile", usual_descriptors());
  json::Array rlimits;
  for (const auto& [name, limit] : limits) {
    std::string type = "RLIMIT_";
    std::transform(name.begin(), name.end(), std::back_inserter(type),
                   [](char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; });
    // The specification's word for no limit is RLIM_INFINITY's number, which is ours as well.
    rlimits.emplace_back(json::Object{{"type", type}, {"hard", limit.hard}, {"soft", limit.soft}});
  }
  spec.set({"process", "rlimits"}, std::move(rlimits));
}

Result<> add_devices(Spec& spec, const std::vector<DeviceSpec>& devices) {
  for (const DeviceSpec& wish : devices) {
    const NodeDevice device = TRY(find_node_device(wish.path).context("devices"));
    const std::string_view type = device.is_block ? "b" : "c";
    spec.add_device({{"path", wish.target},
                     {"type", type},
                     {"major", device.major},
                     {"minor", device.minor},
                     {"fileMode", device.mode},
                     {"uid", device.uid},
                     {"gid", device.gid}});
    spec.allow_device({{"allow", true},
                       {"type", type},
                       {"major", device.major},
                       {"minor", device.minor},
                       {"access", wish.permissions}});
  }
  return {};
}

/// The runtime makes the node itself in whatever stands there.
bool is_no_place_for_node(const std::string& place) {
  const std::string target = (std::filesystem::path(place) / "").lexically_normal().parent_path();
  const auto is_in = [&](const std::string& folder) {
    return target == folder || target.starts_with(folder + "/");
  };
  return target == "/" || target == "/dev" || is_in("/proc") || is_in("/sys") || is_in("/dev/pts");
}

}  // namespace

bool has_apparmor() {
  return system::read_file("/sys/module/apparmor/parameters/enabled").value_or("").starts_with('Y');
}

Result<> choose_confinement(Spec& spec, const ContainerSpec& wish, bool apparmor) {
  spec.set({"process", "noNewPrivileges"}, wish.security.no_new_privileges);
  set_process_limits(spec, wish.rlimits);
  // Lets a program ping without a raw socket (icmp(7)). All groups that there are inside.
  spec.set({"linux", "sysctl", "net.ipv4.ping_group_range"},
           wish.security.user_namespace == "auto" ? fmt::format("0 {}", kUsersOfOne - 1)
                                                  : "0 2147483647");
  for (const auto& [name, value] : wish.sysctls) {
    spec.set({"linux", "sysctl", name}, value);
  }
  if (apparmor && !wish.security.apparmor.empty()) {
    spec.set({"process", "apparmorProfile"}, wish.security.apparmor);
  }
  return add_devices(spec, wish.devices);
}

Result<> renew_devices(Spec& spec, const std::vector<DeviceSpec>& devices) {
  spec.set({"linux", "devices"}, json::Array());
  deny_devices(spec);
  return add_devices(spec, devices);
}

bool steers_runtime(std::string_view annotation) {
  return annotation.starts_with("run.oci.") || annotation.starts_with("org.systemd.property.") ||
         annotation.starts_with("module.wasm.") || annotation.starts_with("krun.") ||
         annotation.starts_with("io.kubernetes.cri.") || annotation.starts_with("org.criu.") ||
         annotation.substr(0, annotation.find('=')) == "bundle";
}

Result<> check_choices(const ContainerSpec& wish, RuntimeKind kind, bool apparmor) {
  const std::string& profile = wish.security.apparmor;
  if (!apparmor && !profile.empty() && profile != kUnconfined) {
    return fail(Code::refused,
                "{}, apparmor: the node's kernel has no AppArmor, so that profile {} would confine "
                "nothing; leave it out",
                to_string(kind), profile);
  }
  if (wish.security.user_namespace == "auto" && !wish.devices.empty()) {
    return fail(Code::refused,
                "{}, devices: they belong to the node's users, and with user_namespace auto root "
                "inside is none of them; leave one of both out",
                to_string(kind));
  }
  for (const SecretSpec& secret : wish.secrets) {
    if (wish.security.user_namespace == "auto" && std::max(secret.uid, secret.gid) >= kUsersOfOne) {
      return fail(Code::refused,
                  "{}, secrets: {} cannot be user {}'s and group {}'s: with user_namespace auto "
                  "there are none from {} on inside",
                  to_string(kind), secret.name, secret.uid, secret.gid, kUsersOfOne);
    }
  }
  for (const DeviceSpec& device : wish.devices) {
    if (is_no_place_for_node(device.target)) {
      return fail(Code::refused, "{}, devices: there can be none at {}", to_string(kind),
                  device.target);
    }
    // Roots and volumes are mounted nodev, and a node there could not be opened.
    if (!std::filesystem::path(device.target).lexically_normal().native().starts_with("/dev/")) {
      return fail(Code::refused,
                  "{}, devices: {} is not below /dev, and elsewhere they are of no use inside",
                  to_string(kind), device.target);
    }
    TRY(find_node_device(device.path).context(fmt::format("{}, devices", to_string(kind))));
  }
  for (const auto& [name, value] : wish.annotations) {
    if (steers_runtime(name)) {
      return fail(Code::refused,
                  "{}, annotations: {} changes what the runtime does beside the container's spec; "
                  "leave it out",
                  to_string(kind), name);
    }
  }
  return {};
}

}  // namespace drover::runtimes
