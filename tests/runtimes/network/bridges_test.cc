// Bridges of the node's own, in a network namespace of each test's own.
#include "runtimes/network/bridges.h"

#include <gmock/gmock.h>
#include <sched.h>

#include "agent/system/child.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class BridgesTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(unshare(CLONE_NEWNET), 0); }
  std::string run(const std::vector<std::string>& argv) {
    const auto ran = system::run_ok(argv, stop_);
    EXPECT_TRUE(ran) << ran.error().message;
    return ran.value_or("");
  }
  std::string shown(const std::string& name) { return run({"ip", "address", "show", "dev", name}); }
  BridgeKind kind_of(const std::string& name) { return look_at_bridge(name).value(); }

  system::Stop stop_;
};

TEST_F(BridgesTest, IsMadeWithAliasAddressAndAHardwareAddressOfItsOwn) {
  EXPECT_EQ(kind_of("apps"), BridgeKind::none);
  const auto made = make_bridge({"apps", "10.84.0.1/24", false}, stop_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(kind_of("apps"), BridgeKind::ours);
  const std::string before = shown("apps");
  EXPECT_THAT(before, HasSubstr("inet 10.84.0.1/24"));
  EXPECT_THAT(before, HasSubstr("link/ether 02:"));
  EXPECT_THAT(before, HasSubstr(",UP"));
  // A second time, as by a job that is run again, nothing is another.
  ASSERT_TRUE(make_bridge({"apps", "10.84.0.1/24", false}, stop_));
  EXPECT_EQ(shown("apps"), before);
  ASSERT_TRUE(remove_bridge("apps", stop_));
  ASSERT_TRUE(remove_bridge("apps", stop_));
  EXPECT_EQ(kind_of("apps"), BridgeKind::none);
}

TEST_F(BridgesTest, AllOfOursAreFoundWithTheirAddresses) {
  EXPECT_TRUE(own_bridges(stop_).value().empty());
  ASSERT_TRUE(make_bridge({"apps", "10.84.0.1/24", false}, stop_));
  ASSERT_TRUE(make_bridge({"bare", "", false}, stop_));
  run({"ip", "link", "add", "vmbr0", "type", "bridge"});
  run({"ip", "link", "add", "copy", "type", "bridge"});
  run({"ip", "link", "set", "dev", "copy", "alias", "drover:network:apps"});
  const std::vector<OwnBridge> found = own_bridges(stop_).value();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.at(0).name, "apps");
  EXPECT_EQ(found.at(0).address, "10.84.0.1/24");
  EXPECT_FALSE(found.at(0).vlan_aware);
  EXPECT_EQ(found.at(1).name, "bare");
  EXPECT_EQ(found.at(1).address, "");
}

TEST_F(BridgesTest, FiltersVlansOrLeavesNothingWhereTheKernelCannot) {
  const auto made = make_bridge({"apps", "", true}, stop_);
  if (made) {
    EXPECT_THAT(run({"ip", "-details", "link", "show", "dev", "apps"}),
                HasSubstr("vlan_filtering 1"));
  } else {
    EXPECT_THAT(made.error().message, HasSubstr("make bridge apps: ip link add"));
    EXPECT_EQ(run({"ip", "-o", "link", "show", "type", "bridge"}), "");
  }
}

TEST_F(BridgesTest, WhatACrashLeftIsFinished) {
  // Made, renamed and not yet up.
  ASSERT_TRUE(make_bridge({"apps", "", false}, stop_));
  run({"ip", "link", "set", "dev", "apps", "down"});
  ASSERT_TRUE(make_bridge({"apps", "10.84.0.1/24", false}, stop_));
  EXPECT_THAT(shown("apps"), HasSubstr("inet 10.84.0.1/24"));
  // Made, with its first name still.
  ASSERT_TRUE(remove_bridge("apps", stop_));
  ASSERT_TRUE(make_bridge({"longest-name-15", "", false}, stop_));
  run({"ip", "link", "set", "dev", "longest-name-15", "down"});
  run({"ip", "link", "set", "dev", "longest-name-15", "name", "other"});
  EXPECT_EQ(kind_of("longest-name-15"), BridgeKind::none);
  ASSERT_TRUE(make_bridge({"longest-name-15", "", false}, stop_));
}

TEST_F(BridgesTest, OneThatWasNotMadeWholeIsRemovedWithItsName) {
  const std::string unfinished = name_while_made("apps");
  run({"ip", "link", "add", "name", unfinished, "type", "bridge"});
  ASSERT_TRUE(remove_bridge("apps", stop_));
  EXPECT_EQ(kind_of(unfinished), BridgeKind::none);
}

TEST_F(BridgesTest, AnothersInterfaceIsNeitherChangedNorRemoved) {
  run({"ip", "link", "add", "vmbr0", "type", "bridge"});
  run({"ip", "link", "add", "dummy0", "type", "veth", "peer", "name", "dummy1"});
  // An alias of ours for another name makes it not ours.
  run({"ip", "link", "set", "dev", "vmbr0", "alias", "drover:network:apps"});
  EXPECT_EQ(kind_of("vmbr0"), BridgeKind::other);
  EXPECT_EQ(kind_of("dummy0"), BridgeKind::no_bridge);
  for (const char* name : {"vmbr0", "dummy0"}) {
    const std::string before = shown(name);
    EXPECT_EQ(make_bridge({name, "10.84.0.1/24", true}, stop_).error().code, Code::conflict);
    EXPECT_EQ(remove_bridge(name, stop_).error().code, Code::refused);
    EXPECT_EQ(shown(name), before);
  }
}

TEST_F(BridgesTest, ItsStateIsWhatTheKernelSays) {
  const auto state = [] { return std::string(to_string(state_of_bridge("apps").value())); };
  EXPECT_EQ(state(), "missing");
  ASSERT_TRUE(make_bridge({"apps", "", false}, stop_));
  EXPECT_EQ(state(), "up");
  run({"ip", "link", "set", "dev", "apps", "down"});
  EXPECT_EQ(state(), "down");
  run({"ip", "link", "set", "dev", "apps", "alias", "mine"});
  EXPECT_EQ(state(), "taken");
  run({"ip", "link", "delete", "dev", "apps"});
  EXPECT_EQ(state(), "missing");
  EXPECT_EQ(to_string(state_of_bridge("a-name-of-16-byt").value()), "missing");
}

TEST_F(BridgesTest, GivesOutAddressesOfItsOwnSubnet) {
  EXPECT_EQ(range_of({"apps", "10.84.7.129/22", false}).subnet, "10.84.4.0/22");
  EXPECT_EQ(range_of({"apps", "10.84.7.129/22", false}).gateway, "10.84.7.129");
  EXPECT_EQ(range_of({"apps", "fd00:1:2:3:4::1/64", false}).subnet, "fd00:1:2:3::/64");
  EXPECT_EQ(range_of({"apps", "", false}).subnet, "");

  const fakes::TempFolder folder;
  Layout layout;
  layout.state = folder / "state";
  std::filesystem::create_directories(layout.state);
  Networks networks(layout, NetworkOptions{{"/usr/lib/cni"}, {}});
  const OwnBridge bridge{"apps", "10.84.0.1/24", false};
  ASSERT_TRUE(make_bridge(bridge, stop_));
  networks.give_out(range_of(bridge));
  const ContainerName name = *ContainerName::parse("web-1");
  const JobId job = *JobId::parse("job-1");
  ASSERT_TRUE(networks.make_namespace(name, stop_));
  NetworkSpec spec;
  spec.bridge = "apps";
  const auto attached = networks.attach(name, job, spec, {}, stop_);
  ASSERT_TRUE(attached) << attached.error().message;
  EXPECT_EQ(attached->address, "10.84.0.2/24");
  EXPECT_EQ(attached->gateway, "10.84.0.1");
  run({"ip", "netns", "exec", "drover-web-1", "busybox", "ping", "-c", "1", "-W", "5",
       "10.84.0.1"});
  ASSERT_TRUE(networks.detach(name, job, spec, stop_));
  ASSERT_TRUE(networks.remove_namespace(name, stop_));
  ASSERT_TRUE(networks.give_out_no_more("apps"));
  EXPECT_FALSE(std::filesystem::exists(layout.cni() / "drover-apps"));
}

}  // namespace
}  // namespace drover::runtimes
