#include "agent/core/config/policy.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/capability.h"
#include "agent/core/device_spec.h"
#include "agent/core/folder_names.h"
#include "agent/core/process_limits.h"

namespace drover {
namespace {

constexpr std::size_t kMostPolicyRules = 1000;
constexpr std::size_t kMostPolicyPattern = 256;
constexpr std::int64_t kMostPolicyMib = std::int64_t{64} << 20;
constexpr std::string_view kUnconfinedWord = "unconfined";

/// Absolute, without ".." and without a slash at its end; nothing of any other text.
std::optional<path> folder_from(const std::string& text) {
  const path given(text);
  if (!given.is_absolute() || text.size() > 4095 ||
      std::any_of(text.begin(), text.end(), is_control) ||
      std::find(given.begin(), given.end(), path("..")) != given.end()) {
    return std::nullopt;
  }
  return without_last_slash(given);
}

std::vector<std::string> read_patterns(Fields& fields, std::string_view key,
                                       std::vector<std::string> otherwise) {
  std::vector<std::string> patterns = fields.strings(key, std::move(otherwise));
  if (patterns.size() > kMostPolicyRules) {
    fields.fault(key, fmt::format("must have at most {} elements", kMostPolicyRules));
  }
  for (const std::string& pattern : patterns) {
    if (pattern.empty() || pattern.size() > kMostPolicyPattern) {
      fields.fault(key,
                   fmt::format("must hold patterns of 1 to {} characters", kMostPolicyPattern));
    }
  }
  return patterns;
}

std::vector<RuntimeKind> kinds_from(Fields& fields, const std::vector<std::string>& names) {
  std::vector<RuntimeKind> kinds;
  for (const std::string& name : names) {
    if (const std::optional<RuntimeKind> kind = runtime_kind_from(name)) {
      kinds.push_back(*kind);
    } else {
      fields.fault("runtimes", fmt::format("must hold of runc, crun, lxc and pve-lxc; \"{}\" is "
                                           "none",
                                           name.substr(0, 64)));
    }
  }
  return kinds;
}

std::vector<std::string> capabilities_from(Fields& fields, const std::vector<std::string>& names) {
  std::vector<std::string> capabilities;
  for (const std::string& name : names) {
    if (std::optional<std::string> known = capability_from(name)) {
      capabilities.push_back(std::move(*known));
    } else {
      fields.fault("capabilities",
                   fmt::format("must hold names of capabilities(7), as NET_ADMIN, or ALL; \"{}\" "
                               "is none",
                               name.substr(0, 64)));
    }
  }
  return capabilities;
}

void take_seccomp(Fields& fields, const std::vector<std::string>& words, PolicyConfig& policy) {
  for (const std::string& word : words) {
    if (word == kUnconfinedWord) {
      policy.seccomp_unconfined = true;
    } else if (std::optional<path> folder = folder_from(word)) {
      policy.seccomp_folders.push_back(std::move(*folder));
    } else {
      fields.fault("seccomp", fmt::format("must hold \"unconfined\" and absolute paths of folders "
                                          "without \"..\"; \"{}\" is neither",
                                          word.substr(0, 64)));
    }
  }
}

void take_binds(const json::Value& value, std::string at, Faults& faults, PolicyConfig& policy) {
  Fields rule(value, std::move(at), faults);
  rule.require("source");
  const std::string text = rule.string("source");
  AllowedBind bind;
  if (std::optional<path> source = folder_from(text)) {
    bind.source = std::move(*source);
  } else if (rule.has("source")) {
    rule.fault("source", "must be an absolute path without \"..\"");
  }
  bind.read_only = rule.boolean("read_only", bind.read_only);
  rule.finish();
  policy.binds.push_back(std::move(bind));
}

void take_devices(const json::Value& value, std::string at, Faults& faults, PolicyConfig& policy) {
  Fields rule(value, std::move(at), faults);
  rule.require("path");
  AllowedDevice device;
  device.path = rule.string("path");
  const std::optional<path> normal = folder_from(device.path);
  if (rule.has("path") &&
      (!normal || *normal != path(device.path) || !device.path.starts_with("/dev/") ||
       device.path.size() > kMostPolicyPattern)) {
    rule.fault("path", fmt::format("must be a pattern of at most {} characters that begins with "
                                   "/dev/ and has no \"..\" and no slash at its end",
                                   kMostPolicyPattern));
  }
  device.permissions = rule.string("permissions", device.permissions);
  if (device.permissions.empty() ||
      device.permissions.find_first_not_of(DeviceSpec::kUsualPermissions) != std::string::npos) {
    rule.fault("permissions", "must be of r, w and m, as \"rw\"");
  }
  rule.finish();
  policy.devices.push_back(std::move(device));
}

/// What a fresh node has: nothing by which a process gets before others' or fills the kernel's
/// memory where no limit of its container holds.
std::map<std::string, std::uint64_t> usual_rlimits() {
  return {{"nofile", 1'048'576},
          {"memlock", 8'388'608},
          {"msgqueue", 819'200},
          {"nice", 20},
          {"rtprio", 0}};
}

void take_rlimits(const json::Value& value, std::string at, Faults& faults, PolicyConfig& policy) {
  Fields fields(value, std::move(at), faults);
  policy.rlimits = usual_rlimits();
  for (const std::string_view resource : kLimitedResources) {
    const json::Value* most = fields.any(resource);
    if (most == nullptr) {
      continue;
    }
    if (most->string_or("") == "unlimited") {
      policy.rlimits.erase(std::string(resource));
    } else if (most->integer() != nullptr && *most->integer() >= 0) {
      policy.rlimits.insert_or_assign(std::string(resource),
                                      static_cast<std::uint64_t>(*most->integer()));
    } else {
      fields.fault(resource, "must be a whole number from 0 on, or \"unlimited\"");
    }
  }
  fields.finish();
}

/// RFC 6901.
bool is_pointer(std::string_view text) {
  for (std::size_t tilde = text.find('~'); tilde != std::string_view::npos;
       tilde = text.find('~', tilde + 1)) {
    if (tilde + 1 == text.size() || (text[tilde + 1] != '0' && text[tilde + 1] != '1')) {
      return false;
    }
  }
  return text.starts_with('/');
}

void check_pointers(Fields& fields, const std::vector<std::string>& pointers) {
  for (const std::string& pointer : pointers) {
    if (!is_pointer(pointer)) {
      fields.fault("oci", fmt::format("must hold JSON pointers (RFC 6901), as "
                                      "\"/process/oomScoreAdj\"; \"{}\" is none",
                                      pointer.substr(0, 64)));
    }
  }
}

}  // namespace

PolicyConfig::PolicyConfig() : rlimits(usual_rlimits()) {}

PolicyConfig read_policy_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  PolicyConfig policy;
  policy.runtimes = kinds_from(fields, fields.strings("runtimes"));
  policy.images = read_patterns(fields, "images", {});
  policy.capabilities = capabilities_from(fields, fields.strings("capabilities"));
  take_seccomp(fields, fields.strings("seccomp"), policy);
  policy.apparmor = read_patterns(fields, "apparmor", {});
  policy.new_privileges = fields.boolean("new_privileges", false);
  policy.own_users_only = fields.one_of("user_namespace", "any", {"any", "auto"}) == "auto";
  fields.each("devices", kMostPolicyRules, [&](const json::Value& element, std::string where) {
    take_devices(element, std::move(where), faults, policy);
  });
  fields.each("binds", kMostPolicyRules, [&](const json::Value& element, std::string where) {
    take_binds(element, std::move(where), faults, policy);
  });
  policy.secrets = read_patterns(fields, "secrets", policy.secrets);
  policy.sysctls = read_patterns(fields, "sysctls", policy.sysctls);
  fields.object("rlimits", [&](const json::Value& bounds, std::string where) {
    take_rlimits(bounds, std::move(where), faults, policy);
  });
  policy.io = fields.boolean("io", true);
  policy.hugetlb = fields.boolean("hugetlb", true);
  policy.oci = fields.strings("oci");
  check_pointers(fields, policy.oci);
  fields.object("network", [&](const json::Value& rules, std::string where) {
    policy.network = read_network_policy(rules, std::move(where), faults);
  });
  policy.memory_mib = fields.integer("memory_mib", 0, 0, kMostPolicyMib);
  policy.swap_mib = fields.integer("swap_mib", 0, 0, kMostPolicyMib);
  policy.cpus = fields.number("cpus", 0, 0, 8192);
  policy.pids = fields.integer("pids", 0, 0, 4194304);
  fields.finish();
  return policy;
}

}  // namespace drover
