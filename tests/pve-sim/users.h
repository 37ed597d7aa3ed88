// Users: who may ask the simulated node for what: users, API tokens, roles and access control
// lists.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "tests/pve-sim/place.h"

namespace drover::pve_sim {

/// What somebody may do on one path, and whether also on what is below it.
using Privileges = std::map<std::string, bool>;

/// `Place::user` and its token (`Place::token`) may do everything and stand in no list. Kept in
/// Place::access. Thread-safe; errors are in Proxmox's words.
class Users {
 public:
  explicit Users(const Place& place);

  Privileges on(const std::string& path, const std::string& user) const;
  bool has(const std::string& user, const std::string& path, const std::string& privilege) const;
  /// Paths where somebody was granted something.
  std::vector<std::string> paths() const;
  /// Of "USER@REALM!ID=UUID", without the secret; nothing when there is no such token.
  std::optional<std::string> owner_of(std::string_view token) const;

  bool has_user(const std::string& user) const;
  bool has_token(const std::string& user, const std::string& token) const;
  Result<> add_user(const std::string& user);
  /// Its secret. A token that is `separate` may do what it and its user are both granted.
  Result<std::string> add_token(const std::string& user, const std::string& token, bool separate);
  Result<> remove_token(const std::string& user, const std::string& token);
  Result<> add_role(const std::string& role, const std::vector<std::string>& privileges);
  /// Gives a role these privileges, in place of those it has or beside them.
  Result<> change_role(const std::string& role, const std::vector<std::string>& privileges,
                       bool append);
  /// Gives `whom`, users or tokens, a role on a path, or takes it away.
  Result<> grant(const std::string& path, const std::string& role, const std::string& whom,
                 bool propagate, bool remove);

 private:
  using Roles = std::map<std::string, bool>;  ///< whether they hold below
  struct Token {
    std::string secret;
    bool separate = true;
  };
  /// By the lists alone.
  Privileges granted(const std::string& path, const std::string& whom) const;
  Result<> save() const;
  void load();

  const Place& place_;
  mutable std::mutex mutex_;
  std::set<std::string> users_;
  std::map<std::string, Token> tokens_;                          // by "USER@REALM!ID"
  std::map<std::string, std::set<std::string>> roles_;           // with their privileges
  std::map<std::string, std::map<std::string, Roles>> lists_{};  // by path, and user or token
};

}  // namespace drover::pve_sim
