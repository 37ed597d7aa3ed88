#include "proxmox/access.h"

#include <map>
#include <set>

namespace drover::proxmox {
namespace {

constexpr const char* kRole = "Drover";

std::string joined(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ",") + name;
  }
  return text;
}

}  // namespace

Result<std::vector<Privilege>> Access::missing(const std::vector<Privilege>& needed,
                                               const Stop& stop) {
  std::map<std::string, json::Value> had;  // by path
  std::vector<Privilege> missing;
  for (const Privilege& privilege : needed) {
    if (!had.contains(privilege.path)) {
      const json::Value answer =
          TRY(client_.get("/access/permissions", {{"path", privilege.path}}, stop));
      had.emplace(privilege.path, answer.at(privilege.path));
    }
    // The value says whether it holds below the path as well; here it only has to be there.
    if (had.at(privilege.path).find(privilege.name) == nullptr) {
      missing.push_back(privilege);
    }
  }
  return missing;
}

std::vector<std::string> commands_to_grant(const std::vector<Privilege>& needed,
                                           const std::vector<Privilege>& missing,
                                           const std::string& user) {
  if (missing.empty()) {
    return {};
  }
  std::set<std::string> names;
  for (const Privilege& privilege : needed) {
    names.insert(privilege.name);
  }
  std::set<std::string> paths;
  for (const Privilege& privilege : missing) {
    paths.insert(privilege.path);
  }
  const std::string name = user.substr(0, user.find('!'));
  // root@pam itself lacks nothing.
  std::string whom = name == "root@pam" ? "" : " --users '" + name + "'";
  if (user != name) {
    whom += " --tokens '" + user + "'";
  }
  // Where the role is there already, the first fails and the second sets it right.
  std::vector<std::string> commands = {
      fmt::format("pveum role add {}", kRole),
      fmt::format("pveum role modify {} --privs '{}'", kRole, joined(names))};
  for (const std::string& path : paths) {
    commands.push_back(fmt::format("pveum acl modify '{}' --roles {}{}", path, kRole, whom));
  }
  return commands;
}

}  // namespace drover::proxmox
