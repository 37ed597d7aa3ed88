#include "agent/core/security_spec.h"

#include <algorithm>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/capability.h"
#include "agent/core/json_members.h"

namespace drover {
namespace {

constexpr std::string_view kUsual = "default";
constexpr std::string_view kUnconfined = "unconfined";
constexpr std::size_t kMostCapabilities = 64;
constexpr std::size_t kMostProfileName = 255;
constexpr std::size_t kMostProfilePath = 4095;

std::vector<std::string> read_capability_names(Fields& fields, std::string_view key) {
  std::vector<std::string> names;
  const std::vector<std::string> given = fields.strings(key);
  if (given.size() > kMostCapabilities) {
    fields.fault(key, fmt::format("must have at most {} elements", kMostCapabilities));
    return names;
  }
  for (const std::string& text : given) {
    if (std::optional<std::string> name = capability_from(text)) {
      names.push_back(std::move(*name));
    } else {
      fields.fault(key, fmt::format("must hold names of capabilities(7), as NET_ADMIN, or ALL; "
                                    "\"{}\" is none",
                                    text.substr(0, 64)));
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void read_capabilities(Fields& spec, SecuritySpec& security, Faults& faults) {
  spec.object("capabilities", [&](const json::Value& value, std::string at) {
    Fields fields(value, std::move(at), faults);
    security.capabilities_add = read_capability_names(fields, "add");
    security.capabilities_drop = read_capability_names(fields, "drop");
    for (const std::string& name : security.capabilities_add) {
      if (std::binary_search(security.capabilities_drop.begin(), security.capabilities_drop.end(),
                             name)) {
        fields.fault("add", fmt::format("must not hold what drop holds, too: {}", name));
      }
    }
    fields.finish();
  });
}

/// A path, or "unconfined".
std::string read_seccomp(Fields& spec) {
  std::string text = spec.string("seccomp");
  if (text.empty() || text == kUsual) {
    return "";
  }
  const bool is_path = text.starts_with('/') && text.size() <= kMostProfilePath &&
                       std::none_of(text.begin(), text.end(), is_control) &&
                       (text + '/').find("/../") == std::string::npos;
  if (text != kUnconfined && !is_path) {
    spec.fault("seccomp",
               "must be \"default\", \"unconfined\" or the absolute path of a profile of the node, "
               "without \"..\"");
    return "";
  }
  return text;
}

/// Names of AppArmor are those of files or of programs by their paths, "unconfined" among them.
std::string read_apparmor(Fields& spec) {
  std::string name = spec.string("apparmor");
  if (name.empty() || name == kUsual) {
    return "";
  }
  constexpr std::string_view kMore = "_.-/:@+";
  const bool fits =
      name.size() <= kMostProfileName && std::all_of(name.begin(), name.end(), [&](char c) {
        return is_alphanumeric(c) || kMore.find(c) != std::string_view::npos;
      });
  if (!fits) {
    spec.fault("apparmor",
               fmt::format("must be \"default\", \"unconfined\" or a profile's name: 1 to {} of "
                           "letters, digits and {}",
                           kMostProfileName, kMore));
    return "";
  }
  return name;
}

}  // namespace

SecuritySpec read_security(Fields& spec, Faults& faults) {
  SecuritySpec security;
  read_capabilities(spec, security, faults);
  security.seccomp = read_seccomp(spec);
  security.apparmor = read_apparmor(spec);
  security.no_new_privileges = spec.boolean("no_new_privileges", true);
  security.user_namespace = spec.one_of("user_namespace", "", {"auto", "host"});
  return security;
}

void set_security(json::Object& spec, const SecuritySpec& security) {
  json::Object capabilities;
  const auto set_names = [&](std::string_view key, const std::vector<std::string>& names) {
    if (!names.empty()) {
      capabilities.set(key, json::Array(names.begin(), names.end()));
    }
  };
  set_names("add", security.capabilities_add);
  set_names("drop", security.capabilities_drop);
  if (!capabilities.empty()) {
    spec.set("capabilities", std::move(capabilities));
  }
  set_unless_empty(spec, "seccomp", security.seccomp);
  set_unless_empty(spec, "apparmor", security.apparmor);
  if (!security.no_new_privileges) {
    spec.set("no_new_privileges", false);
  }
  set_unless_empty(spec, "user_namespace", security.user_namespace);
}

}  // namespace drover
