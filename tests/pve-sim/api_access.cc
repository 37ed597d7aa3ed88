// The methods below /access: who may do what.
#include <fmt/format.h>

#include "agent/core/split.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"

namespace drover::pve_sim {
namespace {

std::vector<std::string> list_in(const Parameters& given, const char* key) {
  return given.contains(key) ? split(given.at(key), ",; ") : std::vector<std::string>();
}

bool is_on(const Parameters& given, const char* key, bool otherwise) {
  return given.contains(key) ? given.at(key) == "1" : otherwise;
}

Answer done(const Result<>& result) {
  return result ? with_data(nullptr) : error(result.error().message);
}

}  // namespace

Answer Api::permissions(const Parameters& given, const std::string& user) const {
  std::vector<std::string> paths = users_.paths();
  if (given.contains("path")) {
    paths = {given.at("path")};
  } else {
    paths.insert(paths.end(), {"/", "/access", "/nodes", "/pool", "/sdn", "/storage", "/vms"});
  }
  json::Object all;
  for (const std::string& path : paths) {
    json::Object here;
    for (const auto& [privilege, propagates] : users_.on(path, user)) {
      here.set(privilege, propagates ? 1 : 0);
    }
    if (!here.empty() || given.contains("path")) {
      all.set(path, std::move(here));
    }
  }
  return with_data(std::move(all));
}

Answer Api::token(const std::string& method, const Parameters& given) {
  const std::string& user = given.at("userid");
  const std::string& token = given.at("tokenid");
  if (method == "DELETE") {
    return done(users_.remove_token(user, token));
  }
  if (!users_.has_user(user)) {
    return error(fmt::format("no such user ('{}')", user));
  }
  if (users_.has_token(user, token)) {
    return bad_parameters({{"tokenid", "Token already exists."}});
  }
  const bool separate = is_on(given, "privsep", true);
  const Result<std::string> secret = users_.add_token(user, token, separate);
  if (!secret) {
    return error(secret.error().message);
  }
  json::Object info{{"privsep", separate ? "1" : "0"}};
  if (given.contains("comment")) {
    info.set("comment", given.at("comment"));
  }
  return with_data(json::Object{
      {"full-tokenid", user + "!" + token}, {"info", std::move(info)}, {"value", *secret}});
}

Answer Api::grant(const Parameters& given) {
  std::vector<std::string> whom = list_in(given, "users");
  for (const std::string& token : list_in(given, "tokens")) {
    whom.push_back(token);
  }
  if (whom.empty()) {
    return bad_parameters({{"users", "either 'users', 'groups' or 'tokens' is required."}});
  }
  for (const std::string& role : list_in(given, "roles")) {
    for (const std::string& one : whom) {
      const Result<> granted =
          users_.grant(given.at("path"), role, one, is_on(given, "propagate", true),
                       is_on(given, "delete", false));
      if (!granted) {
        return error(granted.error().message);
      }
    }
  }
  return with_data(nullptr);
}

Answer Api::access(const std::string& method, const std::vector<std::string>& parts,
                   const Form& form, const std::string& user) {
  const std::string& what = parts[1];
  if (what == "permissions" && parts.size() == 2 && method == "GET") {
    return permissions(CHECKED("GET /access/permissions", {}), user);
  }
  if (what == "acl" && parts.size() == 2 && method == "PUT") {
    const Parameters given = CHECKED("PUT /access/acl", {});
    const std::string& path = given.at("path");
    if (!users_.has(user, path, "Permissions.Modify")) {
      return error(permission_failed(path + ", Permissions.Modify"), 403);
    }
    return grant(given);
  }
  if (what == "roles" && parts.size() == 2 && method == "POST") {
    const Parameters given = CHECKED("POST /access/roles", {});
    return done(users_.add_role(given.at("roleid"), list_in(given, "privs")));
  }
  if (what == "roles" && parts.size() == 3 && method == "PUT") {
    const Parameters given =
        CHECKED("PUT /access/roles/{roleid}", (Parameters{{"roleid", parts[2]}}));
    return done(
        users_.change_role(parts[2], list_in(given, "privs"), is_on(given, "append", false)));
  }
  const bool makes_user = what == "users" && parts.size() == 2 && method == "POST";
  const bool about_token = what == "users" && parts.size() == 5 && parts[3] == "token" &&
                           (method == "POST" || method == "DELETE");
  if (!makes_user && !about_token) {
    return not_implemented(method, parts);
  }
  const Parameters own =
      makes_user ? Parameters{} : Parameters{{"userid", parts[2]}, {"tokenid", parts[4]}};
  const Parameters given = CHECKED(
      method + (makes_user ? " /access/users" : " /access/users/{userid}/token/{tokenid}"), own);
  // A token is its user's own business.
  if (given.at("userid") != user && !users_.has(user, "/access/groups", "User.Modify")) {
    return error(permission_failed("/access/groups, User.Modify"), 403);
  }
  return makes_user ? done(users_.add_user(given.at("userid"))) : token(method, given);
}

}  // namespace drover::pve_sim
