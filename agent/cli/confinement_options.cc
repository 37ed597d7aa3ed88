#include "agent/cli/confinement_options.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "agent/cli/spec_options.h"

namespace drover::cli {
namespace {

std::optional<std::uint64_t> read_process_bound(std::string_view text) {
  if (text == "unlimited") {
    return ProcessLimit::kNone;
  }
  std::int64_t bound = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), bound);
  if (error != std::errc() || stop != text.data() + text.size() || bound < 0) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(bound);
}

Result<ProcessLimit> read_process_limit(const std::string& name, std::string_view value) {
  const std::size_t colon = value.find(':');
  const std::optional<std::uint64_t> soft = read_process_bound(value.substr(0, colon));
  const std::optional<std::uint64_t> hard =
      colon == std::string_view::npos ? soft : read_process_bound(value.substr(colon + 1));
  if (!soft || !hard) {
    return fail(Code::invalid,
                "--ulimit: \"{}={}\" is not NAME=SOFT[:HARD], each a number or unlimited", name,
                value);
  }
  return ProcessLimit{*soft, *hard};
}

Result<DeviceSpec> read_device(std::string_view text) {
  const std::string_view whole = text;
  std::vector<std::string> parts;
  for (std::size_t at = 0; at != std::string_view::npos;) {
    const std::size_t end = text.find(':', at);
    parts.emplace_back(text.substr(at, end == std::string_view::npos ? end : end - at));
    at = end == std::string_view::npos ? end : end + 1;
  }
  if (parts.size() > 3 || std::any_of(parts.begin(), parts.end(),
                                      [](const std::string& part) { return part.empty(); })) {
    return fail(Code::invalid, "--device: \"{}\" is not PATH[:TARGET[:PERMISSIONS]]", whole);
  }
  DeviceSpec device;
  device.path = parts.front();
  device.target = parts.size() > 1 ? parts.at(1) : device.path;
  if (parts.size() > 2) {
    device.permissions = parts.at(2);
  }
  return device;
}

void add_names(std::vector<std::string>& names, const std::vector<std::string>& more) {
  names.insert(names.end(), more.begin(), more.end());
}

void replace_unless_empty(std::string& member, const std::string& option) {
  if (!option.empty()) {
    member = option;
  }
}

}  // namespace

Result<> set_confinement(const ConfinementOptions& options, ContainerSpec& spec) {
  SecuritySpec& security = spec.security;
  add_names(security.capabilities_add, options.add);
  add_names(security.capabilities_drop, options.drop);
  replace_unless_empty(security.seccomp, options.seccomp);
  replace_unless_empty(security.apparmor, options.apparmor);
  replace_unless_empty(security.user_namespace, options.user_namespace);
  if (options.new_privileges) {
    security.no_new_privileges = false;
  }
  for (const auto& [name, value] : TRY(read_pairs("--ulimit", options.limits))) {
    spec.rlimits[name] = TRY(read_process_limit(name, value));
  }
  for (auto& [name, value] : TRY(read_pairs("--sysctl", options.sysctls))) {
    spec.sysctls[name] = value;
  }
  for (const std::string& text : options.devices) {
    DeviceSpec device = TRY(read_device(text));
    spec.devices.push_back(std::move(device));
  }
  return {};
}

void add_confinement_options(CLI::App& command, ConfinementOptions& options) {
  const auto many = [&](const char* name, std::vector<std::string>& values, const char* type,
                        const char* help) {
    return command.add_option(name, values, help)->type_name(type)->allow_extra_args(false);
  };
  const auto text = [&](const char* name, std::string& value, const char* type, const char* help) {
    return command.add_option(name, value, help)->type_name(type);
  };
  many("--cap-add", options.add, "CAPABILITIES",
       "More than the usual ones, as NET_ADMIN,SYS_TIME, or ALL; may be repeated, as the next")
      ->delimiter(',');
  many("--cap-drop", options.drop, "CAPABILITIES", "Without these of the usual ones, or ALL")
      ->delimiter(',');
  text("--seccomp", options.seccomp, "PROFILE",
       "Its filter of system calls: default, unconfined, or a profile's path on the node");
  text("--apparmor", options.apparmor, "PROFILE", "default, unconfined, or a profile's name");
  command.add_flag("--new-privileges", options.new_privileges,
                   "Programs inside may gain privileges, as sudo does");
  text("--userns", options.user_namespace, "KIND",
       "auto: root inside is nobody on the node; host: the node's own users")
      ->check(CLI::IsMember({"auto", "host"}));
  many("--ulimit", options.limits, "NAME=SOFT[:HARD]",
       "Limit of each process inside, as nofile=1024:4096; may be repeated");
  many("--sysctl", options.sysctls, "NAME=VALUE",
       "A setting of the kernel that it has for itself, as net.core.somaxconn=1024; may be "
       "repeated");
  many("--device", options.devices, "PATH[:TARGET[:rwm]]",
       "A device of the node that it may use; may be repeated");
}

}  // namespace drover::cli
