// What a node is found to lack.
#include <gmock/gmock.h>

#include "agent/doctor/examine_programs.h"
#include "agent/doctor/examine_proxmox.h"
#include "fakes/sim_node.h"

namespace drover::doctor {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

auto fault(const std::string& about, const std::string& words) {
  return AllOf(Field(&Finding::about, about), Field(&Finding::ok, false),
               Field(&Finding::message, HasSubstr(words)));
}

class DoctorTest : public testing::Test {
 protected:
  DoctorTest() {
    config_.proxmox.enabled = true;
    config_.proxmox.url = node_.endpoint().server.url;
    config_.proxmox.fingerprint = node_.endpoint().server.fingerprint;
    config_.proxmox.token_file = node_.endpoint().token_file;
    config_.proxmox.node = "pve1";
  }
  std::vector<Finding> examine() { return examine_proxmox(config_, clock_, stop_); }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(node_.folder() / file) << text;
  }
  std::vector<std::string> commands() {
    for (const Finding& finding : examine()) {
      if (!finding.commands.empty()) {
        return finding.commands;
      }
    }
    return {};
  }

  fakes::SimNode node_;
  Config config_;
  system::SystemClock clock_;
  const system::Stop stop_;
};

TEST_F(DoctorTest, ANodeThatLacksNothing) {
  const std::vector<Finding> findings = examine();
  EXPECT_THAT(findings, Each(Field(&Finding::ok, true)));
  EXPECT_THAT(findings, Contains(Field(&Finding::message, HasSubstr("as root@pam!drover"))));
  EXPECT_THAT(findings, Contains(Field(&Finding::message, HasSubstr("pve1 stands alone"))));
}

TEST_F(DoctorTest, MissingPrivilegesComeWithTheCommandsThatGrantThem) {
  write("denied", "/vms VM.Allocate\n/storage/local Datastore.Allocate\n/ Datastore.Allocate\n");
  EXPECT_THAT(
      examine(),
      Contains(fault("privileges", "Datastore.Allocate on /storage/local, VM.Allocate on /vms")));
  EXPECT_THAT(commands(), ElementsAre("pveum role add Drover", HasSubstr("VM.Config.Options"),
                                      "pveum acl modify '/storage/local' --roles Drover --tokens "
                                      "'root@pam!drover'",
                                      "pveum acl modify '/vms' --roles Drover --tokens "
                                      "'root@pam!drover'"));
}

TEST_F(DoctorTest, ATokenHasWhatItsUserHasToo) {
  const std::vector<proxmox::Privilege> all = {{"/vms", "VM.Audit"}};
  EXPECT_THAT(proxmox::commands_to_grant(all, all, "drover@pve!agent").back(),
              HasSubstr("--users 'drover@pve' --tokens 'drover@pve!agent'"));
  EXPECT_THAT(proxmox::commands_to_grant(all, all, "drover@pve").back(),
              AllOf(HasSubstr("--users 'drover@pve'"), Not(HasSubstr("--tokens"))));
  EXPECT_THAT(proxmox::commands_to_grant(all, {}, "drover@pve"), IsEmpty());
}

TEST_F(DoctorTest, PrivilegesAreAskedForWhatTheConfigurationNames) {
  config_.storage.default_storage = "tank";
  config_.network.default_bridge = "vmbr7";
  const auto needed = needed_privileges(config_, "pve1");
  const auto on = [&needed](const std::string& path) {
    return std::count_if(needed.begin(), needed.end(),
                         [&](const auto& privilege) { return privilege.path == path; });
  };
  EXPECT_EQ(on("/storage/tank"), 3);
  EXPECT_EQ(on("/storage/local"), 3);
  EXPECT_EQ(on("/storage/local-folder"), 0);
  EXPECT_EQ(on("/nodes/pve1"), 1);
  EXPECT_EQ(on("/sdn/zones/localnetwork/vmbr7"), 1);
}

TEST_F(DoctorTest, AClusterWithoutQuorum) {
  write("cluster", "apps 1");
  EXPECT_THAT(examine(), Contains(AllOf(Field(&Finding::ok, true),
                                        Field(&Finding::message, HasSubstr("2 of 2 nodes")))));
  write("cluster", "apps 0");
  EXPECT_THAT(examine(), Contains(fault("cluster", "cluster apps has no quorum")));
}

TEST_F(DoctorTest, AWrongNodeNamesThoseThereAre) {
  config_.proxmox.node = "pve9";
  EXPECT_THAT(examine(), Contains(fault("cluster", "of pve1")));
}

TEST_F(DoctorTest, StoragesAndBridgesThatAreNotThere) {
  config_.storage.guest_storage = "tank";
  config_.network.default_bridge = "vmbr7";
  EXPECT_THAT(examine(), Contains(fault("storage", "has no storage tank")));
  EXPECT_THAT(examine(), Contains(fault("network", "has no bridge vmbr7")));
}

TEST_F(DoctorTest, AnApiThatCannotBeAskedIsTheOneFinding) {
  node_.end();
  EXPECT_THAT(examine(), ElementsAre(fault("proxmox", config_.proxmox.url)));
  config_.proxmox.token_file = "/no/such/file";
  EXPECT_THAT(examine(), ElementsAre(fault("proxmox", "proxmox.token_file")));
}

TEST(ExaminePrograms, WhatIsThereAndWhatIsNot) {
  Config config;
  EXPECT_THAT(examine_programs(config), Contains(Field(&Finding::message, HasSubstr("conmon"))));
  config.runtime.conmon = "/no/such/conmon";
  config.network.plugin_folders = {"/no/such"};
  config.runtime.paths[RuntimeKind::runc] = "/no/such/runc";
  config.runtime.default_kind = RuntimeKind::crun;
  std::vector<Finding> findings = examine_programs(config);
  EXPECT_THAT(findings,
              Contains(AllOf(fault("programs", "/no/such/conmon"),
                             Field(&Finding::commands, ElementsAre("apt install conmon")))));
  EXPECT_THAT(findings, Contains(fault("programs", "bridge is missing")));
  EXPECT_THAT(findings, Not(Contains(fault("programs", "/no/such/runc")))) << "nobody asks for it";
  config.runtime.rules.push_back({"db-*", RuntimeKind::runc});
  EXPECT_THAT(examine_programs(config), Contains(fault("programs", "/no/such/runc")));
}

}  // namespace
}  // namespace drover::doctor
