// Quorum and maintenance, as the HA manager tells them, and what is refused without the one.
#include "proxmox/ha.h"

#include <fstream>

#include "api_fixture.h"
#include "proxmox/guests.h"

namespace drover::proxmox {
namespace {

using testing::HasSubstr;

class HaTest : public ApiFixture {
 protected:
  void SetUp() override { make_client(); }
  void put(const std::string& name, const std::string& text) {
    std::ofstream(node_.folder() / name) << text << '\n';
  }
  HaNode seen() { return Ha(*client_).node(stop_).value(); }
};

TEST_F(HaTest, ANodeAloneHasAQuorumAndNoStateBeforeHaIsUsed) {
  EXPECT_EQ(seen().quorate, true);
  EXPECT_EQ(seen().state, "");
  EXPECT_FALSE(seen().maintenance);
}

TEST_F(HaTest, AQuorumIsLostAndFound) {
  put("cluster", "apps 0");
  EXPECT_EQ(seen().quorate, false);
  put("cluster", "apps 1");
  EXPECT_EQ(seen().quorate, true);
}

TEST_F(HaTest, MaintenanceCountsFromTheMomentSomebodyAsksForIt) {
  put("ha", "online");
  EXPECT_FALSE(seen().maintenance);
  put("ha", "online maintenance");
  EXPECT_TRUE(seen().maintenance);
  EXPECT_EQ(seen().state, "online");
  put("ha", "maintenance");
  EXPECT_TRUE(seen().maintenance);
  EXPECT_EQ(seen().state, "maintenance");
}

TEST_F(HaTest, AnotherNodeKnowsOnlyWhetherItHasAQuorumItself) {
  endpoint_.node = "pve9";
  make_client();
  put("cluster", "apps 0");
  put("ha", "maintenance");
  EXPECT_EQ(seen().quorate, std::nullopt);
  EXPECT_FALSE(seen().maintenance);
}

TEST_F(HaTest, WhoMayNotKnowIsRefused) {
  node_.set_fault("denied", 1, "GET /cluster/ha");
  EXPECT_EQ(Ha(*client_).node(stop_).error().code, Code::refused);
}

TEST_F(HaTest, WithoutAQuorumWhatNodesShareCanOnlyBeRead) {
  Tasks tasks(*client_, clock_);
  Guests guests(*client_, tasks);
  put("cluster", "apps 0");
  const auto made = client_->post("/nodes/pve1/lxc",
                                  {{"vmid", "100"}, {"ostemplate", "local:vztmpl/x.tar"}}, stop_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::unavailable);
  EXPECT_THAT(made.error().message, HasSubstr("no quorum"));
  EXPECT_EQ(guests.start(Vmid{100}, stop_).error().code, Code::unavailable);
  EXPECT_TRUE(client_->get("/nodes/pve1/lxc", {}, stop_));

  std::ofstream(node_.folder() / "guests/100.json") << R"({"hostname":"web","memory":512})";
  const auto changed = client_->put("/nodes/pve1/lxc/100/config", {{"memory", "64"}}, stop_);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, Code::unavailable);
  EXPECT_THAT(changed.error().message, HasSubstr("/etc/pve/nodes/pve1/lxc/100.conf"));
  EXPECT_EQ(
      client_->put("/nodes/pve1/lxc/100/firewall/options", {{"enable", "1"}}, stop_).error().code,
      Code::unavailable);
  EXPECT_EQ(guests.remove(Vmid{100}, false, stop_).error().code, Code::unavailable);
  put("cluster", "apps 1");
  EXPECT_TRUE(client_->put("/nodes/pve1/lxc/100/config", {{"memory", "64"}}, stop_));
  EXPECT_TRUE(guests.remove(Vmid{100}, false, stop_));
}

}  // namespace
}  // namespace drover::proxmox
