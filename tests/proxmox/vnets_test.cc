// Networks of the cluster's SDN, made and removed beside an admin and other nodes' agents.
#include "proxmox/vnets.h"

#include "agent/system/file.h"
#include "sdn_fixture.h"

namespace drover::proxmox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const VnetRequest kWeb{.name = "web", .zone = "lab", .address = "10.84.0.1/24"};

class VnetsTest : public SdnFixture {
 protected:
  void expect_untouched() {
    EXPECT_TRUE(is_free());
    EXPECT_FALSE(std::filesystem::exists(lock_file_));
    EXPECT_FALSE(is_in_kernel("web"));
  }
  Error make_fails(const VnetRequest& vnet) {
    const Result<> made = vnets_.make(vnet, stop_);
    EXPECT_FALSE(made);
    return made ? Error{} : made.error();
  }
};

TEST_F(VnetsTest, OneIsMadeWithItsSubnetAndRemoved) {
  ASSERT_TRUE(vnets_.make(kWeb, stop_));
  EXPECT_TRUE(is_in_kernel("web"));
  EXPECT_THAT(pending(), IsEmpty());
  const auto known = vnets_.look_at("web", stop_).value();
  ASSERT_TRUE(known);
  EXPECT_EQ(known->vnet, kWeb);
  EXPECT_TRUE(known->ours);
  EXPECT_TRUE(known->gives_addresses) << "a simple zone whose addresses nobody keeps";
  EXPECT_TRUE(vnets_.make(kWeb, stop_)) << "it is there";
  ASSERT_TRUE(vnets_.remove("web", stop_));
  EXPECT_THAT(pending(), IsEmpty());
  EXPECT_FALSE(vnets_.look_at("web", stop_).value());
  EXPECT_TRUE(vnets_.remove("web", stop_)) << "absent is success";
  expect_untouched();
}

TEST_F(VnetsTest, OneOfAZoneWithVlansHasItsTag) {
  ip({"link", "add", "name", "vmbr9", "type", "bridge"});
  admin_makes_zone("vlans", {{"type", "vlan"}, {"bridge", "vmbr9"}});
  admin_applies();
  EXPECT_THAT(make_fails({.name = "web", .zone = "vlans"}).message,
              HasSubstr("have to have a tag"));
  const VnetRequest tagged{.name = "web", .zone = "vlans", .tag = 100};
  const Result<> made = vnets_.make(tagged, stop_);
  ASSERT_TRUE(made) << made.error().message;
  const auto known = vnets_.look_at("web", stop_).value();
  EXPECT_EQ(known->vnet, tagged);
  EXPECT_FALSE(known->gives_addresses) << "other nodes have the same network";
  const Error taken = make_fails({.name = "web2", .zone = "vlans", .tag = 100});
  EXPECT_EQ(taken.code, Code::conflict);
  EXPECT_THAT(taken.message, HasSubstr("tag 100 already exist in vnet web"));
  ASSERT_TRUE(vnets_.remove("web", stop_));
  expect_untouched();
  ip({"link", "delete", "vmbr9"});
}

TEST_F(VnetsTest, AZoneThatIsNotThereIsToldWithThoseThatAre) {
  admin_makes_zone("later", {{"type", "simple"}});
  const Error error = make_fails({.name = "web", .zone = "later"});
  EXPECT_EQ(error.code, Code::not_found);
  EXPECT_THAT(error.message, HasSubstr("it has lab;"));
  expect_untouched();
}

TEST_F(VnetsTest, AZoneOfOtherNodesIsRefused) {
  admin_makes_zone("far", {{"type", "simple"}, {"nodes", "pve2,pve3"}});
  admin_applies();
  const Error error = make_fails({.name = "web", .zone = "far"});
  EXPECT_EQ(error.code, Code::refused);
  EXPECT_THAT(error.message, HasSubstr("but on pve2, pve3"));
}

TEST_F(VnetsTest, WhileAnAdminsChangesWaitNothingIsChanged) {
  admin_makes_vnet("theirs", "lab");
  const Error error = make_fails(kWeb);
  EXPECT_EQ(error.code, Code::conflict);
  EXPECT_THAT(error.message, HasSubstr("(vnet theirs)"));
  EXPECT_THAT(pending(), ElementsAre("theirs"));
  EXPECT_FALSE(is_in_kernel("theirs"));
  expect_untouched();
  admin_applies();
  ASSERT_TRUE(vnets_.make(kWeb, stop_));
  admin_makes_vnet("theirs2", "lab");
  EXPECT_TRUE(vnets_.make(kWeb, stop_)) << "it is up already";
  const Result<> removed = vnets_.remove("web", stop_);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Code::conflict);
  EXPECT_THAT(pending(), ElementsAre("theirs2"));
  EXPECT_TRUE(is_in_kernel("web"));
}

TEST_F(VnetsTest, WhileChangesOfTheNodesOwnNetworkWaitNothingIsApplied) {
  admin(client_->post("/nodes/pve1/network",
                      {{"iface", "vmbr7"}, {"type", "bridge"}, {"autostart", "1"}}, stop_));
  const Error error = make_fails(kWeb);
  EXPECT_EQ(error.code, Code::conflict);
  EXPECT_THAT(error.message, HasSubstr("of node pve1 (vmbr7)"));
  EXPECT_FALSE(is_in_kernel("vmbr7"));
  expect_untouched();
}

TEST_F(VnetsTest, ASubnetThatTheNodeOrAnotherVnetHasIsAConflict) {
  admin(client_->post(
      "/nodes/pve1/network",
      {{"iface", "vmbr7"}, {"type", "bridge"}, {"autostart", "1"}, {"cidr", "10.84.0.9/16"}},
      stop_));
  admin_applies();
  const Error of_node = make_fails(kWeb);
  EXPECT_EQ(of_node.code, Code::conflict);
  EXPECT_THAT(of_node.message, HasSubstr("in the subnet of vmbr7 of node pve1"));
  ASSERT_TRUE(vnets_.make({.name = "web", .zone = "lab", .address = "10.99.0.1/24"}, stop_));
  const Error of_vnet = make_fails({.name = "web2", .zone = "lab", .address = "10.99.0.7/25"});
  EXPECT_EQ(of_vnet.code, Code::conflict);
  EXPECT_THAT(of_vnet.message, HasSubstr("in the subnet 10.99.0.0/24 of another vnet"));
}

TEST_F(VnetsTest, AVnetOfSomebodyElseIsLeftAsItIs) {
  admin_makes_vnet("web", "lab");
  admin_applies();
  EXPECT_EQ(make_fails(kWeb).code, Code::conflict);
  EXPECT_FALSE(vnets_.look_at("web", stop_).value()->ours);
  EXPECT_THAT(vnets_.own(stop_).value(), IsEmpty());
  const Result<> removed = vnets_.remove("web", stop_);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Code::refused);
}

TEST_F(VnetsTest, TheSameVnetOfAnotherNodesAgentWillDoAndAnotherWillNot) {
  Vnets other(*client_, clock_, node_.folder() / "another-lock");
  ASSERT_TRUE(other.make(kWeb, stop_));
  EXPECT_TRUE(vnets_.make(kWeb, stop_));
  const Error error =
      make_fails({.name = "web", .zone = "lab", .address = "10.85.0.1/24", .snat = true});
  EXPECT_EQ(error.code, Code::conflict);
  EXPECT_THAT(error.message, HasSubstr("subnet 10.84.0.0/24 with gateway \"10.84.0.1\""));
}

TEST_F(VnetsTest, SomebodyElsesLockIsToldWithHowAnAdminFreesIt) {
  admin(client_->post("/cluster/sdn/lock", {}, stop_));
  const Error error = make_fails(kWeb);
  EXPECT_EQ(error.code, Code::unavailable);
  EXPECT_THAT(error.message, HasSubstr("pvesh delete /cluster/sdn/lock --force 1"));
  EXPECT_THAT(error.message, Not(HasSubstr("perhaps this node")));
  EXPECT_FALSE(is_free()) << "it is not ours to free";
  admin(client_->del("/cluster/sdn/lock", {{"force", "1"}}, stop_));
  EXPECT_TRUE(vnets_.make(kWeb, stop_));
}

TEST_F(VnetsTest, ALockThatAnAgentHasLeftIsFreed) {
  SdnLock left(*client_, clock_, lock_file_);
  ASSERT_TRUE(left.take(false, "test", stop_));
  EXPECT_FALSE(is_free());
  EXPECT_TRUE(vnets_.make(kWeb, stop_));
  EXPECT_TRUE(is_free());
  EXPECT_FALSE(std::filesystem::exists(lock_file_));
}

TEST_F(VnetsTest, ALockThatAnAdminHasFreedAndGivenToAnotherIsNotTakenFromHim) {
  SdnLock left(*client_, clock_, lock_file_);
  ASSERT_TRUE(left.take(false, "test", stop_));
  admin(client_->del("/cluster/sdn/lock", {{"force", "1"}}, stop_));
  admin(client_->post("/cluster/sdn/lock", {}, stop_));
  EXPECT_EQ(make_fails(kWeb).code, Code::unavailable);
  EXPECT_FALSE(is_free());
}

TEST_F(VnetsTest, ALockWhoseAnswerWasLostIsToldToBePerhapsOurs) {
  node_.set_fault("lost", 1, "POST /cluster/sdn/lock");
  EXPECT_EQ(make_fails(kWeb).code, Code::unavailable);
  for (int tries = 0; tries < 2; ++tries) {
    const Error error = make_fails(kWeb);
    EXPECT_EQ(error.code, Code::unavailable);
    EXPECT_THAT(error.message, HasSubstr("perhaps this node"));
  }
  admin(client_->del("/cluster/sdn/lock", {{"force", "1"}}, stop_));
  EXPECT_TRUE(vnets_.make(kWeb, stop_));
  EXPECT_FALSE(std::filesystem::exists(lock_file_));
}

TEST_F(VnetsTest, AHalfThatAnAgentHasLeftIsMadeWhole) {
  SdnLock left(*client_, clock_, lock_file_);
  const std::string token = left.take(false, "test", stop_).value();
  admin(client_->post(
      "/cluster/sdn/vnets",
      {{"vnet", "web"}, {"zone", "lab"}, {"alias", "drover:vnet:web"}, {"lock-token", token}},
      stop_));
  ASSERT_TRUE(vnets_.make(kWeb, stop_));
  EXPECT_TRUE(is_in_kernel("web"));
  EXPECT_EQ(vnets_.look_at("web", stop_).value()->vnet, kWeb);
  EXPECT_TRUE(is_free());
}

TEST_F(VnetsTest, AHalfThatAnAgentHasLeftIsTakenOutWithoutBeingApplied) {
  admin(client_->post("/cluster/sdn/vnets",
                      {{"vnet", "web"}, {"zone", "lab"}, {"alias", "drover:vnet:web"}}, stop_));
  ASSERT_TRUE(vnets_.remove("web", stop_));
  EXPECT_THAT(pending(), IsEmpty());
  expect_untouched();
}

TEST_F(VnetsTest, ARemovalThatWasLeftInTheMiddleIsUndoneByMakingIt) {
  ASSERT_TRUE(vnets_.make(kWeb, stop_));
  admin(client_->del("/cluster/sdn/vnets/web/subnets/lab-10.84.0.0-24", {}, stop_));
  ASSERT_TRUE(vnets_.make(kWeb, stop_));
  EXPECT_THAT(pending(), IsEmpty());
  admin(client_->del("/cluster/sdn/vnets/web/subnets/lab-10.84.0.0-24", {}, stop_));
  admin(client_->del("/cluster/sdn/vnets/web", {}, stop_));
  ASSERT_TRUE(vnets_.make(kWeb, stop_));
  EXPECT_EQ(vnets_.look_at("web", stop_).value()->vnet, kWeb);
  EXPECT_TRUE(is_in_kernel("web"));
}

TEST_F(VnetsTest, WhatCannotBeMadeWholeIsTakenOutAgain) {
  node_.set_fault("denied", 1, "POST /cluster/sdn/vnets/web/subnets");
  EXPECT_EQ(make_fails(kWeb).code, Code::refused);
  EXPECT_THAT(pending(), IsEmpty());
  EXPECT_FALSE(vnets_.look_at("web", stop_).value());
  expect_untouched();
}

TEST_F(VnetsTest, WhatCouldNotBeAppliedLeavesNoLock) {
  node_.set_fault("denied", 1, "PUT /cluster/sdn");
  EXPECT_EQ(make_fails(kWeb).code, Code::refused);
  expect_untouched();
  ASSERT_TRUE(vnets_.make(kWeb, stop_)) << "the half is gone on with";
}

TEST_F(VnetsTest, AnApplyWhoseAnswerWasLostIsLookedUp) {
  node_.set_fault("lost", 1, "PUT /cluster/sdn");
  const Result<> first = vnets_.make(kWeb, stop_);
  ASSERT_TRUE(first || first.error().code == Code::unavailable) << first.error().message;
  EXPECT_TRUE(is_free());
  ASSERT_TRUE(vnets_.make(kWeb, stop_));
  EXPECT_TRUE(is_in_kernel("web"));
}

TEST_F(VnetsTest, ANodeThatDoesNotGetItIsToldThoughTheTaskSucceeds) {
  admin_makes_zone("vlans", {{"type", "vlan"}, {"bridge", "vmbr77"}});
  admin_applies();
  const Error error = make_fails({.name = "web", .zone = "vlans", .tag = 5});
  EXPECT_EQ(error.code, Code::broken);
  EXPECT_THAT(error.message, HasSubstr("node pve1 does not have it"));
  ASSERT_TRUE(vnets_.remove("web", stop_));
  expect_untouched();
}

TEST_F(VnetsTest, OneThatWasDeletedByHandIsMadeAgain) {
  ASSERT_TRUE(vnets_.make(kWeb, stop_));
  ip({"link", "delete", "web"});
  ASSERT_TRUE(vnets_.make(kWeb, stop_));
  EXPECT_TRUE(is_in_kernel("web"));
}

TEST_F(VnetsTest, WhatSomethingIsPluggedIntoIsPutBack) {
  ASSERT_TRUE(vnets_.make(kWeb, stop_));
  ip({"link", "add", "tap100i0", "type", "veth", "peer", "name", "inside"});
  ip({"link", "set", "tap100i0", "master", "web"});
  const Result<> removed = vnets_.remove("web", stop_);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Code::conflict);
  EXPECT_EQ(vnets_.look_at("web", stop_).value()->vnet, kWeb);
  EXPECT_THAT(pending(), IsEmpty());
  EXPECT_TRUE(is_free());
  ip({"link", "delete", "tap100i0"});
}

TEST_F(VnetsTest, OneThatAGuestIsOnStays) {
  ASSERT_TRUE(vnets_.make(kWeb, stop_));
  admin_makes_guest_on("web");
  const Result<> removed = vnets_.remove("web", stop_);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Code::conflict);
  EXPECT_THAT(removed.error().message, HasSubstr("lxc 105 (shop) on node pve1"));
  EXPECT_TRUE(is_in_kernel("web"));
}

TEST_F(VnetsTest, NamesThatProxmoxDoesNotTakeAreToldBefore) {
  for (const char* name : {"w", "webserver", "web-1", "1web", ""}) {
    EXPECT_EQ(make_fails({.name = name, .zone = "lab"}).code, Code::invalid) << name;
  }
  expect_untouched();
}

TEST_F(VnetsTest, WithoutAQuorumNothingIsChanged) {
  std::ofstream(node_.folder() / "cluster") << "farm 0";
  EXPECT_EQ(make_fails(kWeb).code, Code::unavailable);
  std::filesystem::remove(node_.folder() / "cluster");
  expect_untouched();
}

}  // namespace
}  // namespace drover::proxmox
