// SdnFixture: a simulated node of a cluster with SDN, and an admin who changes it, too.
#pragma once

#include <gmock/gmock.h>
#include <net/if.h>

#include <string>
#include <vector>

#include "agent/system/child.h"
#include "fakes/sim_node.h"
#include "proxmox/task.h"
#include "proxmox/vnets.h"

namespace drover::proxmox {

/// The program has a network namespace of its own (services_test.cc).
class SdnFixture : public testing::Test {
 protected:
  void SetUp() override {
    admin_makes_zone("lab", {{"type", "simple"}});
    admin_applies();
  }
  void admin(const Result<json::Value>& answer) { ASSERT_TRUE(answer) << answer.error().message; }
  void admin_makes_zone(const std::string& name, Form form) {
    form.emplace_back("zone", name);
    admin(client_->post("/cluster/sdn/zones", form, stop_));
  }
  void admin_makes_vnet(const std::string& name, const std::string& zone) {
    admin(client_->post("/cluster/sdn/vnets", {{"vnet", name}, {"zone", zone}}, stop_));
  }
  /// Guest 105, "shop". It does not run, so that the kernel's bridge has no port that would tell of
  /// it.
  void admin_makes_guest_on(const std::string& vnet) {
    node_.add_small_template();
    const Result<json::Value> created = client_->post("/nodes/pve1/lxc",
                                                      {{"vmid", "105"},
                                                       {"hostname", "shop"},
                                                       {"ostemplate", "local:vztmpl/small.tar.gz"},
                                                       {"rootfs", "local:0"},
                                                       {"net0", "name=eth0,bridge=" + vnet}},
                                                      stop_);
    admin(created);
    ASSERT_TRUE(tasks_.wait(*created, std::chrono::seconds(20), stop_));
  }
  void admin_applies() {
    const Result<json::Value> upid = client_->put("/cluster/sdn", {}, stop_);
    ASSERT_TRUE(upid) << upid.error().message;
    ASSERT_TRUE(tasks_.wait(*upid, std::chrono::seconds(20), stop_));
  }
  static bool is_in_kernel(const std::string& name) { return if_nametoindex(name.c_str()) != 0; }
  void ip(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "ip");
    const auto ran = system::run_ok(arguments, stop_);
    ASSERT_TRUE(ran) << ran.error().message;
  }
  /// Whether nobody has the cluster's lock.
  bool is_free() {
    const Result<json::Value> token =
        client_->post("/cluster/sdn/lock", {{"allow-pending", "1"}}, stop_);
    return token && client_->del("/cluster/sdn/lock",
                                 {{"lock-token", std::string(token->string_or(""))}}, stop_);
  }
  /// The names of what waits to be applied.
  std::vector<std::string> pending() {
    std::vector<std::string> names;
    for (const auto& [path, key] :
         {std::pair("/cluster/sdn/vnets", "vnet"), std::pair("/cluster/sdn/zones", "zone")}) {
      const json::Value list = client_->get(path, {{"pending", "1"}}, stop_).value();
      for (const json::Value& one : *list.array()) {
        if (one.find("pending") != nullptr) {
          names.emplace_back(one.at(key).string_or(""));
        }
      }
    }
    return names;
  }

  fakes::SimNode node_;
  system::SystemClock clock_;
  std::unique_ptr<Client> client_ = node_.client();
  const system::Stop stop_;
  Tasks tasks_{*client_, clock_};
  std::filesystem::path lock_file_ = node_.folder() / "our-lock";
  Vnets vnets_{*client_, clock_, lock_file_};
};

}  // namespace drover::proxmox
