#include "proxmox/access.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

namespace drover::proxmox {
namespace {

/// "DroverStorage" for "/storage/local": one for all things of a kind.
std::string role_for(const std::string& path) {
  const std::size_t end = std::min(path.find('/', 1), path.size());
  std::string kind = path.substr(std::min<std::size_t>(1, end), end - 1);
  if (kind.empty()) {
    return "DroverCluster";
  }
  kind.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(kind.front())));
  return "Drover" + kind;
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
  std::set<std::string> paths;
  for (const Privilege& privilege : missing) {
    paths.insert(privilege.path);
  }
  std::map<std::string, std::vector<std::string>> roles;  // with their privileges
  for (const std::string& path : paths) {
    roles.try_emplace(role_for(path));
  }
  for (const Privilege& privilege : needed) {
    const auto role = roles.find(role_for(privilege.path));
    if (role != roles.end() &&
        std::find(role->second.begin(), role->second.end(), privilege.name) == role->second.end()) {
      role->second.push_back(privilege.name);
    }
  }
  std::vector<std::string> commands;
  for (const auto& [role, privileges] : roles) {
    // Where the role is there already, the first fails and the second adds to it.
    commands.push_back(fmt::format("pveum role add {}", role));
    commands.push_back(fmt::format("pveum role modify {} --append 1 --privs {}", role,
                                   fmt::join(privileges, ",")));
  }
  // A role of a user's own on a path takes the place of what it has there from above, so that a
  // token's user is left alone.
  const char* const whom = names_token(user) ? "--tokens" : "--users";
  for (const std::string& path : paths) {
    // What is granted on "/" would hold for everything.
    commands.push_back(fmt::format("pveum acl modify {} --roles {} {} '{}'{}", path, role_for(path),
                                   whom, user, path == "/" ? " --propagate 0" : ""));
  }
  return commands;
}

}  // namespace drover::proxmox
