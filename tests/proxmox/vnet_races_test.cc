// Vnets, when somebody else is at them between two requests.
#include "fakes/meddling_client.h"
#include "proxmox/vnets.h"
#include "sdn_fixture.h"

namespace drover::proxmox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const VnetRequest kMade{.name = "web", .zone = "lab", .address = "10.84.0.1/24"};

class VnetRacesTest : public SdnFixture {
 protected:
  fakes::MeddlingClient meddled_{*client_};
  Vnets ours_{meddled_, clock_, lock_file_};
};

TEST_F(VnetRacesTest, AJobThatIsCancelledOverTheLockGivesItBack) {
  system::Stop cancelled;
  meddled_.after = [&](const std::string& line) -> std::optional<Error> {
    if (line == "POST /cluster/sdn/lock") {
      cancelled.request();
    }
    return std::nullopt;
  };
  const Result<> made = ours_.make(kMade, cancelled);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::cancelled);
  EXPECT_TRUE(is_free());
  EXPECT_FALSE(std::filesystem::exists(lock_file_));
}

TEST_F(VnetRacesTest, WhatAnAdminHasTakenOverBeforeTheLockWasHadStays) {
  ASSERT_TRUE(vnets_.make(kMade, stop_));
  meddled_.before = [&](const std::string& line) {
    if (line == "POST /cluster/sdn/lock") {
      admin(client_->put("/cluster/sdn/vnets/web", {{"alias", "mine"}}, stop_));
      admin_applies();
    }
  };
  const Result<> removed = ours_.remove("web", stop_);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Code::refused);
  EXPECT_TRUE(is_in_kernel("web"));
  EXPECT_TRUE(vnets_.look_at("web", stop_).value());
  EXPECT_TRUE(is_free());
}

TEST_F(VnetRacesTest, OneThatAGuestWasPutOnBeforeTheLockWasHadStays) {
  ASSERT_TRUE(vnets_.make(kMade, stop_));
  meddled_.before = [&](const std::string& line) {
    if (line == "POST /cluster/sdn/lock") {
      admin_makes_guest_on("web");
    }
  };
  const Result<> removed = ours_.remove("web", stop_);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Code::conflict);
  EXPECT_THAT(removed.error().message, HasSubstr("lxc 105 (shop) on node pve1"));
  EXPECT_TRUE(is_in_kernel("web"));
  EXPECT_TRUE(vnets_.look_at("web", stop_).value());
  EXPECT_THAT(pending(), IsEmpty());
  EXPECT_TRUE(is_free());
}

TEST_F(VnetRacesTest, WhatAnAdminMakesBehindAFreedLockIsNotTakenOutAsAHalf) {
  meddled_.before = [&](const std::string& line) {
    if (line == "POST /cluster/sdn/vnets") {
      admin(client_->del("/cluster/sdn/lock", {{"force", "1"}}, stop_));
      admin_makes_vnet("web", "lab");
    }
  };
  EXPECT_FALSE(ours_.make(kMade, stop_));
  EXPECT_THAT(pending(), ElementsAre("web"));
}

TEST_F(VnetRacesTest, WhatAnotherNodesAgentMakesOtherwiseMeanwhileIsAConflictThoughItIsUp) {
  meddled_.before = [&](const std::string& line) {
    if (line == "POST /cluster/sdn/lock") {
      Vnets other(*client_, clock_, node_.folder() / "another-lock");
      ASSERT_TRUE(other.make({.name = "web", .zone = "lab", .address = "10.85.0.1/24"}, stop_));
    }
  };
  const Result<> made = ours_.make(kMade, stop_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::conflict);
  EXPECT_TRUE(is_free());
}

TEST_F(VnetRacesTest, AHalfThatCannotBeMadeWholeIsNoSuccessThoughItIsUp) {
  ASSERT_TRUE(vnets_.make(kMade, stop_));
  admin(client_->del("/cluster/sdn/vnets/web/subnets/lab-10.84.0.0-24", {}, stop_));
  admin(client_->post("/cluster/sdn/lock", {{"allow-pending", "1"}}, stop_));
  const Result<> half = vnets_.make(kMade, stop_);
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().code, Code::unavailable);
  admin(client_->del("/cluster/sdn/lock", {{"force", "1"}}, stop_));
  EXPECT_TRUE(vnets_.make(kMade, stop_));
  EXPECT_THAT(pending(), IsEmpty());
}

TEST_F(VnetRacesTest, OneThatAnAdminHasGivenASubnetStaysWithIt) {
  ASSERT_TRUE(vnets_.make(kMade, stop_));
  admin(client_->post("/cluster/sdn/vnets/web/subnets",
                      {{"subnet", "10.99.0.0/24"}, {"type", "subnet"}}, stop_));
  admin_applies();
  const Result<> removed = vnets_.remove("web", stop_);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Code::conflict);
  EXPECT_THAT(removed.error().message, HasSubstr("10.99.0.0/24"));
  EXPECT_THAT(pending(), IsEmpty());
  EXPECT_TRUE(is_free());
}

TEST_F(VnetRacesTest, OfMuchThatWaitsAMessageNamesSome) {
  for (int number = 10; number < 35; ++number) {
    admin_makes_vnet("v" + std::to_string(number), "lab");
  }
  EXPECT_THAT(vnets_.make(kMade, stop_).error().message, HasSubstr("vnet v29 and 5 more)"));
}

TEST_F(VnetRacesTest, ToLookAtOneAsksForNoOther) {
  for (const char* name : {"one", "two", "three"}) {
    admin_makes_vnet(name, "lab");
  }
  EXPECT_FALSE(ours_.look_at("web", stop_).value());
  EXPECT_THAT(meddled_.lines, ElementsAre("GET /cluster/sdn/zones", "GET /cluster/sdn/vnets"));
}

}  // namespace
}  // namespace drover::proxmox
