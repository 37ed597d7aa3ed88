// How a guest is made and configured.
#include <fmt/format.h>

#include <array>
#include <mutex>

#include "agent/system/file.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/guest_config.h"

namespace drover::pve_sim {

namespace {
// A guest's number is taken by one create only.
std::mutex creating;

constexpr std::array kNumbers{"memory", "swap", "cores", "unprivileged", "onboot"};
constexpr std::array kNotStored{"vmid",  "node",   "ostemplate", "storage", "start",
                                "force", "digest", "delete",     "password"};

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
  std::string text = value;
  if (key == "tags") {
    for (char& c : text) {
      c = c == ',' || c == ' ' ? ';' : c;
    }
  }
  return text;
}

// What only a login as root@pam may set, and never a token.
std::string root_only(const Parameters& given, const std::string& user) {
  if (user == "root@pam") {
    return "";
  }
  for (const auto& [key, value] : given) {
    auto parts = read_property_string(value);
    if (key.starts_with("mp") && parts[""].starts_with('/')) {
      return "mount point type bind is only allowed for root@pam";
    }
    if (key.starts_with("dev") || key == "hookscript") {
      return fmt::format("changing '{}' is only allowed for root@pam", key);
    }
    if (key == "features" && value != "nesting=1" && value != "nesting=0") {
      return "changing feature flags (except nesting) is only allowed for root@pam";
    }
  }
  return "";
}

void store_all(const Parameters& given, json::Object& config) {
  for (const auto& [key, value] : given) {
    bool skipped = false;
    for (const char* name : kNotStored) {
      skipped = skipped || key == name;
    }
    if (!skipped) {
      config.set(key, stored(key, value));
    }
  }
}

}  // namespace

Answer Api::create_guest(const Parameters& given, const std::string& user) {
  const std::string& vmid = given.at("vmid");
  if (const std::string why = root_only(given, user); !why.empty()) {
    return error(why, 403);
  }
  if (!given.at("ostemplate").starts_with("local:")) {
    return error(
        given.at("ostemplate").find(':') == std::string::npos
            ? "Only root can pass arbitrary filesystem paths."
            : fmt::format("storage '{}' does not exist",
                          given.at("ostemplate").substr(0, given.at("ostemplate").find(':'))));
  }
  json::Object config{{"arch", "amd64"}, {"ostype", "unmanaged"},   {"memory", 512},
                      {"swap", 512},     {"hostname", "CT" + vmid}, {"rootfs", "local:4"}};
  store_all(given, config);
  for (const auto& [key, value] : config) {
    if (key == "rootfs" || (key.starts_with("mp") && key.size() > 2)) {
      const std::string volume = read_property_string(value.string_or(""))[""];
      if (!volume.starts_with("local:")) {
        return error(
            fmt::format("storage '{}' does not exist", volume.substr(0, volume.find(':'))));
      }
    }
  }
  {
    const std::lock_guard lock(creating);
    if (load_guest(place_, vmid)) {
      return error(fmt::format("CT {} already exists on node '{}'", vmid, place_.node));
    }
    if (const Result<> saved = save_guest(place_, vmid, json::Object{{"lock", "create"}}); !saved) {
      return error(saved.error().message);
    }
  }
  return start_task(
      {"vzcreate", vmid, {{"config", std::move(config)}, {"ostemplate", given.at("ostemplate")}}},
      user);
}

Answer Api::configure_guest(const std::string& vmid, const Parameters& given,
                            const std::string& user) {
  const std::lock_guard lock(creating);
  json::Object config = load_guest(place_, vmid).value_or(json::Object());
  if (given.contains("digest") && given.at("digest") != digest_of(config)) {
    return error("detected modified configuration - file changed by other user? Try again.");
  }
  if (const json::Value* held = config.find("lock")) {
    return error(fmt::format("CT is locked ({})", held->string_or("")));
  }
  if (const std::string why = root_only(given, user); !why.empty()) {
    return error(why, 403);
  }
  if (given.contains("unprivileged")) {
    return error("unable to modify read-only option: 'unprivileged'");
  }
  store_all(given, config);
  if (given.contains("delete")) {
    std::string_view names = given.at("delete");
    while (!names.empty()) {
      const std::size_t end = std::min(names.find(','), names.size());
      config.erase(names.substr(0, end));
      names.remove_prefix(std::min(end + 1, names.size()));
    }
  }
  const Result<> saved = save_guest(place_, vmid, config);
  return saved ? with_data(nullptr) : error(saved.error().message);
}

}  // namespace drover::pve_sim
