// What a node is found to lack.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "agent/doctor/examine_etcd.h"
#include "agent/doctor/examine_images.h"
#include "agent/doctor/examine_node_storage.h"
#include "agent/doctor/examine_programs.h"
#include "agent/doctor/examine_proxmox.h"
#include "agent/doctor/needed_privileges.h"
#include "fakes/fake_proxmox.h"
#include "fakes/pveum.h"
#include "fakes/separate_token.h"

namespace drover::doctor {

void PrintTo(const Finding& finding, std::ostream* out) {
  *out << (finding.ok ? "ok " : "FAULT ") << finding.about << ": " << finding.message;
  for (const std::string& command : finding.commands) {
    *out << "\n  " << command;
  }
}

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
    config_.proxmox.token_file = token_.file();
    config_.proxmox.node = "pve1";
    config_.storage.default_storage = "local";
    config_.runtime.rules = {{"db-*", RuntimeKind::pve_lxc}};
    grant_all_but({});
  }
  /// All that the configuration can need.
  void grant_all_but(const std::set<proxmox::Privilege>& taken) {
    std::set<proxmox::Privilege> all;
    for (const Need& need : needed_privileges(config_, "pve1")) {
      if (!taken.contains(need.privilege)) {
        all.insert(need.privilege);
      }
    }
    token_.grant(all);
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
  fakes::SeparateToken token_{node_};
  Config config_;
  system::SystemClock clock_;
  const system::Stop stop_;
};

class GrantedNothing : public DoctorTest {
 protected:
  GrantedNothing() { token_.grant({}); }
};

TEST_F(DoctorTest, ANodeThatLacksNothing) {
  const std::vector<Finding> findings = examine();
  EXPECT_THAT(findings, Each(Field(&Finding::ok, true)));
  EXPECT_THAT(findings, Contains(Field(&Finding::message, HasSubstr("as drover@pve!agent"))));
  EXPECT_THAT(findings, Contains(Field(&Finding::message, HasSubstr("pve1 stands alone"))));
}

TEST_F(DoctorTest, MissingPrivilegesComeWithTheCommandsThatGrantThemAndNoMore) {
  grant_all_but({{"/vms", "VM.Allocate"}, {"/storage/local", "Datastore.Allocate"}});
  EXPECT_THAT(examine(), Contains(fault("privileges",
                                        "Datastore.Allocate on /storage/local, "
                                        "VM.Allocate on /vms")));
  EXPECT_THAT(commands(),
              ElementsAre("pveum role add DroverStorage",
                          "pveum role modify DroverStorage --append 1 --privs "
                          "Datastore.Audit,Datastore.AllocateSpace,Datastore.Allocate",
                          "pveum role add DroverVms",
                          "pveum role modify DroverVms --append 1 --privs "
                          "VM.Allocate,VM.Audit,VM.PowerMgmt,VM.Config.Disk,VM.Config.CPU,"
                          "VM.Config.Memory,VM.Config.Network,VM.Config.Options,VM.Snapshot,"
                          "VM.Snapshot.Rollback,VM.Backup,VM.Clone,VM.Migrate",
                          "pveum acl modify /storage/local --roles DroverStorage --tokens "
                          "'drover@pve!agent'",
                          "pveum acl modify /vms --roles DroverVms --tokens 'drover@pve!agent'"));
}

TEST_F(GrantedNothing, TheCommandsOfTheFindingsGrantAllThatIsNeeded) {
  config_.storage.template_storages = {"local"};
  const std::vector<Finding> findings = examine();
  EXPECT_THAT(findings, Contains(fault("privileges", "lacks")));
  for (const Finding& finding : findings) {
    for (const std::string& command : finding.commands) {
      const auto done = fakes::pveum(token_.admin(), command);
      EXPECT_TRUE(done || done.error().message.find("already exists") != std::string::npos)
          << command << ": " << done.error().message;
    }
  }
  const std::vector<Finding> after = examine();
  EXPECT_THAT(after, Each(AllOf(Field(&Finding::ok, true), Field(&Finding::commands, IsEmpty()))));
  EXPECT_THAT(after, Contains(Field(&Finding::message, HasSubstr("has all that is needed"))));
}

TEST_F(DoctorTest, EachPrivilegeThatIsTakenAwayIsNamedAloneWithWhoNeedsIt) {
  for (const Need& need : needed_privileges(config_, "pve1")) {
    grant_all_but({need.privilege});
    std::vector<Finding> lacking;
    for (const Finding& finding : examine()) {
      if (finding.about == "privileges" && !finding.commands.empty()) {
        lacking.push_back(finding);
      }
    }
    const std::string words =
        fmt::format("drover@pve!agent lacks {} on {}{};", need.privilege.name, need.privilege.path,
                    need.by.empty() ? "" : ", needed by " + need.by);
    EXPECT_THAT(lacking, ElementsAre(AllOf(Field(&Finding::message, HasSubstr(words)),
                                           Field(&Finding::ok, !need.by.empty()))));
  }
}

TEST_F(DoctorTest, ATokensUserIsLeftAlone) {
  const std::vector<proxmox::Privilege> all = {{"/nodes/pve1", "Sys.Audit"}};
  EXPECT_EQ(proxmox::commands_to_grant(all, all, "ops@pve!agent").back(),
            "pveum acl modify /nodes/pve1 --roles DroverNodes --tokens 'ops@pve!agent'");
  EXPECT_EQ(proxmox::commands_to_grant(all, all, "drover@pve").back(),
            "pveum acl modify /nodes/pve1 --roles DroverNodes --users 'drover@pve'");
  EXPECT_THAT(proxmox::commands_to_grant(all, {}, "drover@pve"), IsEmpty());
}

TEST_F(DoctorTest, WhatOnlySomeJobsNeedIsNoFaultAndTellsWhichTheyAre) {
  grant_all_but({{"/nodes/pve1", "Sys.Modify"}});
  const std::vector<Finding> findings = examine();
  EXPECT_THAT(findings, Each(Field(&Finding::ok, true)));
  EXPECT_THAT(
      findings,
      Contains(AllOf(
          Field(&Finding::message, HasSubstr("drover@pve!agent lacks Sys.Modify on /nodes/pve1, "
                                             "needed by network.ensure and network.remove; ")),
          Field(&Finding::commands,
                ElementsAre("pveum role add DroverNodes",
                            "pveum role modify DroverNodes --append 1 --privs Sys.Audit,Sys.Modify",
                            "pveum acl modify /nodes/pve1 --roles DroverNodes --tokens "
                            "'drover@pve!agent'")))));
  EXPECT_THAT(findings, Contains(Field(&Finding::message,
                                       HasSubstr("has all that the configuration needs"))));
}

TEST_F(DoctorTest, WhatMendsAFaultGrantsNothingThatOnlySomeJobsNeed) {
  token_.grant({{"/nodes/pve1", "Sys.AccessNetwork"}});
  EXPECT_THAT(
      examine(),
      Contains(AllOf(fault("privileges", "lacks Sys.Audit on /nodes/pve1"),
                     Field(&Finding::commands, Contains("pveum role modify DroverNodes --append 1 "
                                                        "--privs Sys.Audit")))));
}

TEST_F(DoctorTest, WhoShallFetchTemplatesNeedsMore) {
  config_.storage.template_storages = {"local"};
  const std::vector<Finding> findings = examine();
  for (const char* words :
       {"Sys.AccessNetwork on /nodes/pve1", "Datastore.AllocateTemplate on /storage/local"}) {
    EXPECT_THAT(findings, Contains(fault("privileges", words)));
  }
  grant_all_but({});
  EXPECT_THAT(examine(), Each(Field(&Finding::ok, true)));
  config_.storage.template_storages = {"nfs"};
  EXPECT_THAT(examine(), Contains(fault("storage", "no storage nfs")));
}

TEST_F(DoctorTest, WhoMayNotKnowTheClustersStateIsToldSo) {
  write("faults", "denied 1 GET /cluster/status\n");
  EXPECT_THAT(examine(),
              Contains(AllOf(Field(&Finding::about, "cluster"), Field(&Finding::ok, true),
                             Field(&Finding::message, HasSubstr("Sys.Audit on /")))));
  write("faults", "denied 1 GET /cluster/status\n");
  config_.proxmox.node = "pve9";
  EXPECT_THAT(examine(), Contains(fault("cluster", "of pve1")));
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
  EXPECT_THAT(examine(), Contains(fault("cluster", "API of node pve1, and proxmox.node is pve9")));
  // Another node's server may be the one that answers.
  config_.proxmox.others = {{config_.proxmox.url, config_.proxmox.fingerprint}};
  config_.proxmox.url = "https://127.0.0.1:1";
  EXPECT_THAT(examine(), Contains(fault("cluster", "there is no node pve9")));
}

TEST_F(DoctorTest, EachServerIsAskedByItself) {
  config_.proxmox.others = {{config_.proxmox.url, config_.proxmox.fingerprint}};
  config_.proxmox.url = "https://127.0.0.1:1";
  const std::vector<Finding> findings = examine();
  EXPECT_THAT(findings.at(0), fault("proxmox", "https://127.0.0.1:1"));
  EXPECT_THAT(findings.at(1), Field(&Finding::ok, true));
  EXPECT_THAT(findings, Contains(Field(&Finding::about, "privileges")));
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
  for (const char* plugin : {"bridge", "dhcp", "host-local", "static", "portmap", "bandwidth",
                             "firewall", "macvlan", "ptp", "vlan"}) {
    EXPECT_THAT(findings, Contains(fault("programs", std::string(plugin) + " is missing")));
  }
  const auto btrfs = Field(&Finding::message, HasSubstr("/btrfs"));
  EXPECT_THAT(findings, Not(Contains(btrfs))) << "nobody asks for it";
  config.storage.default_storage = "local-btrfs";
  EXPECT_THAT(examine_programs(config), Contains(btrfs));
  const auto lvm = Field(&Finding::message, HasSubstr("lvcreate"));
  EXPECT_THAT(findings, Not(Contains(lvm))) << "nobody asks for it";
  config.storage.thin_pool = "data";
  EXPECT_THAT(examine_programs(config), Contains(lvm));
  config.runtime.seccomp_profile = "/no/such/profile";
  EXPECT_THAT(examine_programs(config), Contains(fault("programs", "/no/such/profile")));
  EXPECT_THAT(findings, Not(Contains(fault("programs", "/no/such/runc")))) << "nobody asks for it";
  config.runtime.rules.push_back({"db-*", RuntimeKind::runc});
  EXPECT_THAT(examine_programs(config), Contains(fault("programs", "/no/such/runc")));
}

TEST(ExamineImages, TheSignaturePolicyAndLoginsMustBeThere) {
  const fakes::TempFolder folder;
  Config config;
  config.images.policy_file = folder / "policy.json";
  EXPECT_THAT(examine_images(config), ElementsAre(fault("images", "no signature policy")));
  std::ofstream(config.images.policy_file) << "{}";
  config.images.auth_file = folder / "auth.json";
  std::ofstream(config.images.auth_file) << "{}";
  chmod(config.images.auth_file.c_str(), 0644);
  EXPECT_THAT(examine_images(config),
              ElementsAre(Field(&Finding::ok, true), fault("images", "only root may read")));
  chmod(config.images.auth_file.c_str(), 0600);
  EXPECT_THAT(examine_images(config), Each(Field(&Finding::ok, true)));
}

TEST(ExamineEtcd, IsAskedWhereItIsConfiguredOnly) {
  Config config;
  EXPECT_THAT(examine_etcd(config), testing::IsEmpty());
  config.etcd.endpoints = {"http://127.0.0.1:1"};
  EXPECT_THAT(examine_etcd(config), ElementsAre(fault("etcd", "no singleton starts")));
}

TEST(ExamineNodeStorage, IsMissedWhereAStorageNeedsItOnly) {
  const fakes::TempFolder folder;
  fakes::FakeProxmox api(folder.path() / "pve");
  system::SystemClock clock;
  const system::Stop stop;
  Config config;
  config.bus.storage_program = folder.path() / "drover-storage";
  config.storage.default_storage = "local";
  const auto examine = [&] { return examine_node_storage(api, config, clock, stop); };
  api.storages = {{"local", {}}};
  EXPECT_THAT(examine(), IsEmpty()) << "nobody needs it";
  api.storages["thin"].type = "lvmthin";
  EXPECT_THAT(examine(), ElementsAre(AllOf(Field(&Finding::ok, true),
                                           Field(&Finding::message, HasSubstr("on thin are not")))))
      << "only jobs may name that storage";
  config.storage.default_storage = "thin";
  EXPECT_THAT(
      examine(),
      ElementsAre(AllOf(fault("programs", "drover-storage is missing or cannot be run"),
                        Field(&Finding::commands, ElementsAre("apt install --reinstall drover")))));
  std::ofstream(config.bus.storage_program) << "#!/bin/sh\n";
  EXPECT_THAT(examine(), ElementsAre(Field(&Finding::ok, false))) << "it cannot be run";
  std::filesystem::permissions(config.bus.storage_program, std::filesystem::perms::owner_all);
  EXPECT_THAT(examine(), ElementsAre(Field(&Finding::ok, true)));
}

TEST_F(DoctorTest, TellsWhetherWhatGuestsPrintIsKept) {
  config_.proxmox.unit_folder = node_.folder() / "units";
  EXPECT_THAT(examine(), Contains(Field(&Finding::message, "what guests print is kept")));
  config_.proxmox.unit_folder.clear();
  EXPECT_THAT(examine(), Contains(AllOf(Field(&Finding::ok, true),
                                        Field(&Finding::message, HasSubstr("is not kept")))));
}

}  // namespace
}  // namespace drover::doctor
