// A token of the simulated node that may do only what it is granted.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "fakes/sim_node.h"
#include "proxmox/access.h"

namespace drover::fakes {

/// "drover@pve!agent", of a user who may do everything; what it asks for is refused until it is
/// granted.
class SeparateToken {
 public:
  explicit SeparateToken(const SimNode& node)
      : admin_(node.client()), file_(node.folder() / "separate-token"), endpoint_(node.endpoint()) {
    endpoint_.token_file = file_;
    must(admin_->post("/access/users", {{"userid", "drover@pve"}}, stop_));
    must(admin_->put("/access/acl",
                     {{"path", "/"}, {"users", "drover@pve"}, {"roles", "Administrator"}}, stop_));
    const auto made = admin_->post("/access/users/drover@pve/token/agent", {}, stop_);
    must(made);
    if (made) {
      std::ofstream(file_) << made->at("full-tokenid").string_or("") << '='
                           << made->at("value").string_or("") << '\n';
    }
    chmod(file_.c_str(), 0600);
  }

  const std::filesystem::path& file() const { return file_; }
  proxmox::Client& admin() const { return *admin_; }
  std::unique_ptr<proxmox::Client> client() const {
    auto made = proxmox::make_https_client(endpoint_, clock_);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return std::move(*made);
  }

  /// These and no others.
  void grant(const std::set<proxmox::Privilege>& privileges) {
    std::map<std::string, std::string> wanted;
    for (const proxmox::Privilege& privilege : privileges) {
      std::string& names = wanted[privilege.path];
      names += (names.empty() ? "" : ",") + privilege.name;
    }
    for (const auto& [path, names] : granted_) {
      if (!wanted.contains(path)) {
        give_role(path, true);
      }
    }
    for (const auto& [path, names] : wanted) {
      const auto before = granted_.find(path);
      if (before == granted_.end()) {
        [[maybe_unused]] const auto made =
            admin_->post("/access/roles", {{"roleid", role_on(path)}}, stop_);  // or it is there
        give_role(path, false);
      }
      if (before == granted_.end() || before->second != names) {
        must(admin_->put("/access/roles/" + role_on(path), {{"privs", names}}, stop_));
      }
    }
    granted_ = std::move(wanted);
  }

 private:
  static std::string role_on(const std::string& path) {
    return "On" + std::to_string(std::hash<std::string>()(path));
  }
  void give_role(const std::string& path, bool take_away) const {
    must(admin_->put("/access/acl",
                     {{"path", path},
                      {"tokens", "drover@pve!agent"},
                      {"roles", role_on(path)},
                      {"propagate", path == "/" ? "0" : "1"},
                      {"delete", take_away ? "1" : "0"}},
                     stop_));
  }
  static void must(const Result<json::Value>& answer) {
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
  }

  std::unique_ptr<proxmox::Client> admin_;
  std::filesystem::path file_;
  proxmox::Endpoint endpoint_;
  mutable system::SystemClock clock_;
  std::map<std::string, std::string> granted_;  // privileges by path
  const system::Stop stop_;
};

}  // namespace drover::fakes
