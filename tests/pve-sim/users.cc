#include "tests/pve-sim/users.h"

#include <algorithm>
#include <array>

#include "agent/core/split.h"
#include "agent/system/file.h"
#include "tests/pve-sim/secrets.h"

namespace drover::pve_sim {
namespace {

constexpr std::array kPrivileges{
    "Datastore.Allocate",
    "Datastore.AllocateSpace",
    "Datastore.AllocateTemplate",
    "Datastore.Audit",
    "Group.Allocate",
    "Mapping.Audit",
    "Mapping.Modify",
    "Mapping.Use",
    "Permissions.Modify",
    "Pool.Allocate",
    "Pool.Audit",
    "Realm.Allocate",
    "Realm.AllocateUser",
    "SDN.Allocate",
    "SDN.Audit",
    "SDN.Use",
    "Sys.AccessNetwork",
    "Sys.Audit",
    "Sys.Console",
    "Sys.Incoming",
    "Sys.Modify",
    "Sys.PowerMgmt",
    "Sys.Syslog",
    "User.Modify",
    "VM.Allocate",
    "VM.Audit",
    "VM.Backup",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Console",
    "VM.Migrate",
    "VM.PowerMgmt",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
};
constexpr const char* kAdministrator = "Administrator";
constexpr const char* kNoAccess = "NoAccess";

std::string user_of(const std::string& token) {
  return token.substr(0, token.find('!'));
}

/// "/", "/vms" and "/vms/100" for "/vms/100".
std::vector<std::string> with_parents(const std::string& path) {
  std::vector<std::string> all = {"/"};
  std::string text;
  for (const std::string& part : split(path, "/")) {
    text += "/" + part;
    all.push_back(text);
  }
  return all;
}

Result<> check_privileges(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::find(kPrivileges.begin(), kPrivileges.end(), name) == kPrivileges.end()) {
      return fail(Code::invalid, "invalid privilege '{}'", name);
    }
  }
  return {};
}

}  // namespace

Users::Users(const Place& place) : place_(place) {
  roles_[kAdministrator] = std::set<std::string>(kPrivileges.begin(), kPrivileges.end());
  roles_.try_emplace(kNoAccess);
  load();
}

Privileges Users::granted(const std::string& path, const std::string& whom) const {
  Roles roles;
  for (const std::string& above : with_parents(path)) {
    const auto list = lists_.find(above);
    if (list == lists_.end() || !list->second.contains(whom)) {
      continue;
    }
    Roles here;
    for (const auto& [role, propagates] : list->second.at(whom)) {
      if (propagates || above == path) {
        here.emplace(role, propagates);
      }
    }
    // What stands here takes the place of what comes from above.
    if (!here.empty()) {
      roles = std::move(here);
    }
  }
  Privileges all;
  if (roles.contains(kNoAccess)) {
    return all;
  }
  for (const auto& [role, propagates] : roles) {
    for (const std::string& privilege : roles_.at(role)) {
      all[privilege] = all[privilege] || propagates;
    }
  }
  return all;
}

Privileges Users::on(const std::string& path, const std::string& user) const {
  const std::lock_guard lock(mutex_);
  const std::string person = user_of(user);
  Privileges all;
  if (person == place_.user) {
    for (const char* name : kPrivileges) {
      all.emplace(name, true);
    }
  } else {
    all = granted(path, person);
  }
  const auto token = tokens_.find(user);
  if (token != tokens_.end() && token->second.separate) {
    const Privileges own = granted(path, user);
    std::erase_if(all, [&](const auto& privilege) { return !own.contains(privilege.first); });
    for (auto& [name, propagates] : all) {
      propagates = propagates && own.at(name);
    }
  }
  return all;
}

bool Users::has(const std::string& user, const std::string& path,
                const std::string& privilege) const {
  return on(path, user).contains(privilege);
}

std::vector<std::string> Users::paths() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [path, list] : lists_) {
    all.push_back(path);
  }
  return all;
}

std::optional<std::string> Users::owner_of(std::string_view token) const {
  const std::lock_guard lock(mutex_);
  const std::size_t end = token.find('=');
  const auto found = tokens_.find(std::string(token.substr(0, end)));
  return end != std::string_view::npos && found != tokens_.end() &&
                 found->second.secret == token.substr(end + 1)
             ? std::optional(found->first)
             : std::nullopt;
}

bool Users::has_user(const std::string& user) const {
  const std::lock_guard lock(mutex_);
  return user == place_.user || users_.contains(user);
}

bool Users::has_token(const std::string& user, const std::string& token) const {
  const std::lock_guard lock(mutex_);
  return tokens_.contains(user + "!" + token) || (user == place_.user && token == place_.token);
}

Result<> Users::add_user(const std::string& user) {
  const std::lock_guard lock(mutex_);
  if (user == place_.user || !users_.insert(user).second) {
    return fail(Code::conflict, "create user failed: user '{}' already exists", user);
  }
  return save();
}

Result<std::string> Users::add_token(const std::string& user, const std::string& token,
                                     bool separate) {
  const std::string secret = TRY(random_uuid());
  const std::lock_guard lock(mutex_);
  tokens_[user + "!" + token] = {secret, separate};
  TRY(save());
  return secret;
}

Result<> Users::remove_token(const std::string& user, const std::string& token) {
  const std::lock_guard lock(mutex_);
  const std::string whole = user + "!" + token;
  if (tokens_.erase(whole) == 0) {
    return fail(Code::not_found, "no such token '{}' for user '{}'", token, user);
  }
  for (auto& [path, list] : lists_) {
    list.erase(whole);
  }
  return save();
}

Result<> Users::add_role(const std::string& role, const std::vector<std::string>& privileges) {
  TRY(check_privileges(privileges));
  const std::lock_guard lock(mutex_);
  if (!roles_.emplace(role, std::set(privileges.begin(), privileges.end())).second) {
    return fail(Code::conflict, "create role failed: role '{}' already exists", role);
  }
  return save();
}

Result<> Users::change_role(const std::string& role, const std::vector<std::string>& privileges,
                            bool append) {
  TRY(check_privileges(privileges));
  const std::lock_guard lock(mutex_);
  const auto found = roles_.find(role);
  if (found == roles_.end() || role == kAdministrator || role == kNoAccess) {
    return fail(Code::not_found, "role '{}' does not exist", role);
  }
  if (!append) {
    found->second.clear();
  }
  found->second.insert(privileges.begin(), privileges.end());
  return save();
}

Result<> Users::grant(const std::string& path, const std::string& role, const std::string& whom,
                      bool propagate, bool remove) {
  const std::lock_guard lock(mutex_);
  if (!roles_.contains(role)) {
    return fail(Code::not_found, "role '{}' does not exist", role);
  }
  const bool is_root = whom == place_.user || whom == place_.user + "!" + place_.token;
  if (!is_root && !users_.contains(whom) && !tokens_.contains(whom)) {
    return whom.find('!') == std::string::npos
               ? fail(Code::not_found, "user '{}' does not exist", whom)
               : fail(Code::not_found, "token '{}' does not exist", whom);
  }
  if (remove) {
    lists_[path][whom].erase(role);
  } else {
    lists_[path][whom][role] = propagate;
  }
  return save();
}

Result<> Users::save() const {
  json::Object tokens;
  for (const auto& [name, token] : tokens_) {
    tokens.set(name, json::Object{{"secret", token.secret}, {"separate", token.separate}});
  }
  json::Object roles;
  for (const auto& [role, privileges] : roles_) {
    roles.set(role, json::Array(privileges.begin(), privileges.end()));
  }
  json::Array lists;
  for (const auto& [path, list] : lists_) {
    for (const auto& [whom, granted] : list) {
      for (const auto& [role, propagates] : granted) {
        lists.emplace_back(json::Array{path, whom, role, propagates});
      }
    }
  }
  return system::write_atomically(
      place_.access(),
      json::write(json::Object{{"users", json::Array(users_.begin(), users_.end())},
                               {"tokens", std::move(tokens)},
                               {"roles", std::move(roles)},
                               {"lists", std::move(lists)}}),
      0600);
}

void Users::load() {
  const Result<std::string> text = system::read_file(place_.access());
  const Result<json::Value> kept =
      text ? json::parse(*text) : Result<json::Value>(Failure(text.error()));
  if (!kept) {
    return;
  }
  for (const json::Value& user : *kept->at("users").array()) {
    users_.emplace(user.string_or(""));
  }
  for (const auto& [name, token] : *kept->at("tokens").object()) {
    tokens_[std::string(name)] = {std::string(token.at("secret").string_or("")),
                                  token.at("separate").boolean_or(true)};
  }
  for (const auto& [role, privileges] : *kept->at("roles").object()) {
    for (const json::Value& privilege : *privileges.array()) {
      roles_[std::string(role)].emplace(privilege.string_or(""));
    }
  }
  for (const json::Value& row : *kept->at("lists").array()) {
    const json::Array& fields = *row.array();
    const auto word = [&](std::size_t i) { return std::string(fields.at(i).string_or("")); };
    lists_[word(0)][word(1)][word(2)] = fields.at(3).boolean_or(true);
  }
}

}  // namespace drover::pve_sim
