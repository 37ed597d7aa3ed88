#include "agent/jobs/admit_policy.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include "agent/core/capability.h"
#include "agent/core/folder_names.h"
#include "agent/core/glob.h"
#include "agent/core/oci_patch.h"
#include "agent/jobs/admit_network.h"
#include "agent/jobs/against_policy.h"
#include "agent/system/file.h"
#include "runtimes/bind_sources.h"

namespace drover::jobs {
namespace {

constexpr std::string_view kUnconfined = "unconfined";

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// "/.." as a whole part of a path, which "oci:PATH:TAG" may end.
bool leads_up(std::string_view image) {
  constexpr std::string_view kUp = "/..";
  for (std::size_t at = image.find(kUp); at != std::string_view::npos;
       at = image.find(kUp, at + 1)) {
    const std::size_t end = at + kUp.size();
    if (end == image.size() || image[end] == '/' || image[end] == ':') {
      return true;
    }
  }
  return false;
}

/// Those that the container has more than one usually has.
std::vector<std::string> added_capabilities(const SecuritySpec& security) {
  std::vector<std::string> added;
  const bool all = has(security.capabilities_add, kEveryCapability);
  for (const std::string& name : all ? every_capability() : security.capabilities_add) {
    if (!is_usual_capability(name) && !has(security.capabilities_drop, name)) {
      added.push_back(name);
    }
  }
  return added;
}

Result<> admit_capabilities(const PolicyConfig& policy, const SecuritySpec& security) {
  for (const std::string& name : added_capabilities(security)) {
    if (!has(policy.capabilities, name) && !has(policy.capabilities, kEveryCapability)) {
      return against("capabilities.add", name,
                     fmt::format("is none that this node lets jobs add to the usual ones ({})",
                                 listed(policy.capabilities)),
                     "capabilities");
    }
  }
  return {};
}

/// Of the folders the one that the profile lies below, by its name.
const path* folder_of_profile(const PolicyConfig& policy, const path& profile) {
  const path normal = profile.lexically_normal();
  for (const path& folder : policy.seccomp_folders) {
    if (normal != folder && lies_below(normal, folder)) {
      return &folder;
    }
  }
  return nullptr;
}

Result<> admit_seccomp(const PolicyConfig& policy, const std::string& wish) {
  if (wish.empty() || (wish == kUnconfined && policy.seccomp_unconfined)) {
    return {};
  }
  if (wish == kUnconfined) {
    return against("seccomp", wish, "is not allowed by this node", "seccomp");
  }
  if (folder_of_profile(policy, wish) == nullptr) {
    std::vector<std::string> folders;
    for (const path& folder : policy.seccomp_folders) {
      folders.push_back(folder.native());
    }
    return against("seccomp", wish,
                   fmt::format("lies below none of the folders of profiles that this node allows "
                               "({})",
                               listed(folders)),
                   "seccomp");
  }
  return {};
}

/// The kernel takes any beginning of the word for it, within a namespace of profiles, too, and a
/// namespace without a profile as well (aa_splitn_fqname and aa_lookupn_profile of Linux,
/// security/apparmor). liblxc's "unchanged" is the agent's own, which has none.
bool means_unconfined(std::string_view profile) {
  if (profile.starts_with(':')) {
    const std::size_t end = profile.find(':', 1);
    profile.remove_prefix(end == std::string_view::npos ? profile.size() : end + 1);
  }
  if (profile.starts_with("//")) {
    profile.remove_prefix(2);
  }
  return kUnconfined.starts_with(profile) || profile == "unchanged";
}

Result<> admit_apparmor(const PolicyConfig& policy, const std::string& wish) {
  // Whoever allows all profiles has not said that none will do.
  const bool allowed = wish.empty() || (means_unconfined(wish) ? has(policy.apparmor, kUnconfined)
                                                               : fits_any(policy.apparmor, wish));
  return allowed ? Result<>()
                 : against("apparmor", wish,
                           fmt::format("is none of those this node allows ({})",
                                       listed(policy.apparmor)),
                           "apparmor");
}

Result<> admit_security(const PolicyConfig& policy, const SecuritySpec& security,
                        RuntimeKind kind) {
  TRY(admit_capabilities(policy, security));
  TRY(admit_seccomp(policy, security.seccomp));
  TRY(admit_apparmor(policy, security.apparmor));
  if (!security.no_new_privileges && !policy.new_privileges) {
    return against("no_new_privileges", "false", "is not allowed by this node", "new_privileges");
  }
  // Guests of Proxmox have users of their own in any case.
  if (policy.own_users_only && kind != RuntimeKind::pve_lxc && security.user_namespace != "auto") {
    return against("user_namespace", security.user_namespace,
                   "is not allowed by this node, on which it must be \"auto\"", "user_namespace");
  }
  return {};
}

/// Where others than root may put links.
bool is_anybodys(std::string_view device) {
  return device.starts_with("/dev/shm/") || device.starts_with("/dev/mqueue/");
}

Result<> admit_device(const PolicyConfig& policy, const DeviceSpec& device) {
  const path normal = path(device.path).lexically_normal();
  std::string most;
  for (const AllowedDevice& allowed : policy.devices) {
    if (path_glob_match(allowed.path, normal.native()) && !is_anybodys(normal.native())) {
      if (device.permissions.find_first_not_of(allowed.permissions) == std::string::npos) {
        return {};
      }
      most = most.empty() ? allowed.permissions : most;
    }
  }
  return most.empty()
             ? against("devices", device.path, "is none that this node lets jobs have", "devices")
             : against("devices", device.path,
                       fmt::format("is allowed by this node with {}, not with {}", most,
                                   device.permissions),
                       "devices");
}

Result<> admit_process_limits(const PolicyConfig& policy, const ProcessLimits& limits) {
  for (const auto& [resource, limit] : limits) {
    const auto most = policy.rlimits.find(resource);
    if (most != policy.rlimits.end() && limit.hard > most->second) {
      return against(fmt::format("rlimits.{}.hard", resource),
                     limit.hard == ProcessLimit::kNone ? "unlimited" : std::to_string(limit.hard),
                     fmt::format("is more than this node allows ({})", most->second),
                     fmt::format("rlimits.{}", resource));
    }
  }
  return {};
}

/// `most` 0 is no bound.
template <class Number>
Result<> admit_most(std::string_view member, Number wish, Number most, std::string_view rule) {
  return most == 0 || wish <= most
             ? Result<>()
             : against(member, fmt::format("{}", wish),
                       fmt::format("is more than this node allows ({})", most), rule);
}

Result<> admit_limits(const Config& config, const Resources& wish, RuntimeKind kind) {
  const PolicyConfig& policy = config.policy;
  const bool is_guest = kind == RuntimeKind::pve_lxc;
  TRY(admit_changed_limits(policy, wish));
  if (policy.memory_mib != 0 && wish.memory_mib == 0) {
    return against("resources.memory_mib", "none",
                   fmt::format("is given, and this node allows at most {}", policy.memory_mib),
                   "memory_mib");
  }
  if (policy.cpus != 0 && wish.cpus == 0) {
    return against("resources.cpus", "none",
                   fmt::format("is given, and this node allows at most {}", policy.cpus), "cpus");
  }
  // Proxmox bounds no guest's processes, and one whose job says how many is refused for that.
  return wish.pids != 0 || is_guest
             ? Result<>()
             : admit_most("resources.pids", config.container.pids, policy.pids, "pids");
}

Result<> check_device(const DeviceSpec& device) {
  const path inside = path(device.path).lexically_normal().lexically_relative("/dev");
  const system::UniqueFd fd = TRY(system::open_beneath("/dev", inside, O_PATH).context("devices"));
  struct stat found {};
  if (fstat(fd.get(), &found) != 0) {
    return fail(Code::broken, "devices: look at {}: {}", device.path, std::strerror(errno));
  }
  return S_ISCHR(found.st_mode) || S_ISBLK(found.st_mode)
             ? Result<>()
             : fail(Code::refused, "devices: {} is no device", device.path);
}

Result<> check_profile(const PolicyConfig& policy, const path& profile) {
  const path* folder = folder_of_profile(policy, profile);
  if (folder != nullptr) {
    const path inside = profile.lexically_normal().lexically_relative(*folder);
    TRY((*folder == "/" ? system::open_in_root(*folder, inside, O_PATH)
                        : system::open_beneath(*folder, inside, O_PATH))
            .context("seccomp"));
  }
  return {};
}

}  // namespace

Result<> admit_runtime(const PolicyConfig& policy, RuntimeKind kind) {
  if (policy.runtimes.empty() ||
      std::find(policy.runtimes.begin(), policy.runtimes.end(), kind) != policy.runtimes.end()) {
    return {};
  }
  std::vector<std::string_view> names;
  for (const RuntimeKind one : policy.runtimes) {
    names.push_back(to_string(one));
  }
  return against("runtime", to_string(kind),
                 fmt::format("is none of those this node allows ({})", listed(names)), "runtimes");
}

Result<> admit_image_name(const PolicyConfig& policy, const std::string& image) {
  if (policy.images.empty() || (fits_any(policy.images, image) && !leads_up(image))) {
    return {};
  }
  return against("image", image,
                 fmt::format("is none of those this node allows ({}){}", listed(policy.images),
                             leads_up(image) ? ", which no path with \"..\" is" : ""),
                 "images");
}

Result<> admit_changed_limits(const PolicyConfig& policy, const Resources& wish) {
  const auto most = [](std::int64_t bound) { return static_cast<std::uint64_t>(bound); };
  TRY(admit_most("resources.memory_mib", wish.memory_mib, most(policy.memory_mib), "memory_mib"));
  TRY(admit_most("resources.swap_mib", wish.swap_mib, most(policy.swap_mib), "swap_mib"));
  TRY(admit_most("resources.cpus", wish.cpus, policy.cpus, "cpus"));
  TRY(admit_most("resources.pids", wish.pids, most(policy.pids), "pids"));
  if (!policy.io && wish.io != IoLimits{}) {
    return against("resources.io", json::write(to_json(wish.io)), "is not allowed by this node",
                   "io");
  }
  if (!policy.hugetlb && !wish.hugetlb_mib.empty()) {
    return against("resources.hugetlb_mib", wish.hugetlb_mib.begin()->first,
                   "is not allowed by this node", "hugetlb");
  }
  return {};
}

Result<> admit_policy(const Config& config, const ContainerSpec& spec, RuntimeKind kind) {
  const PolicyConfig& policy = config.policy;
  TRY(admit_runtime(policy, kind));
  if (!spec.image.empty() || !spec.rootfs.empty()) {
    TRY(admit_image_name(policy, spec.rootfs.empty() ? spec.image : "rootfs:" + spec.rootfs));
  }
  TRY(admit_security(policy, spec.security, kind));
  for (const DeviceSpec& device : spec.devices) {
    TRY(admit_device(policy, device));
  }
  for (const MountSpec& mount : spec.mounts) {
    if (mount.kind == MountSpec::Kind::bind) {
      TRY(runtimes::check_bind_source(policy.binds, mount));
    }
  }
  for (const SecretSpec& secret : spec.secrets) {
    if (!fits_any(policy.secrets, secret.name)) {
      return against(
          "secrets", secret.name,
          fmt::format("is none of those this node lets jobs use ({})", listed(policy.secrets)),
          "secrets");
    }
  }
  for (const auto& [name, value] : spec.sysctls) {
    if (!fits_any(policy.sysctls, name)) {
      return against("sysctls", name,
                     fmt::format("is none of those this node allows ({})", listed(policy.sysctls)),
                     "sysctls");
    }
  }
  if (spec.networks) {
    TRY(admit_interfaces(config, *spec.networks));
  }
  TRY(admit_process_limits(policy, spec.rlimits));
  if (const auto beside = patched_beside(spec.oci, policy.oci)) {
    return against("oci", *beside,
                   fmt::format("is none of the places that this node lets jobs patch ({})",
                               listed(policy.oci)),
                   "oci");
  }
  return admit_limits(config, spec.resources, kind);
}

Result<> admit_as_it_is_now(const Config& config, const ContainerSpec& spec, RuntimeKind kind) {
  TRY(admit_policy(config, spec, kind));
  for (const DeviceSpec& device : spec.devices) {
    TRY(check_device(device));
  }
  const std::string& profile = spec.security.seccomp;
  return profile.empty() || profile == kUnconfined ? Result<>()
                                                   : check_profile(config.policy, profile);
}

}  // namespace drover::jobs
