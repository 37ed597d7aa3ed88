#include <fstream>

#include "networks_fixture.h"
#include "runtimes/network/bridges.h"
#include "runtimes/network/reservations.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

TEST_F(NetworksTest, TwoContainersGetAddressesOfTheirOwnAndReachEachOther) {
  const auto one = attach("web-1");
  ASSERT_TRUE(one) << one.error().message;
  const auto two = attach("web-2");
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(one->address, "10.83.0.10/24");
  EXPECT_EQ(two->address, "10.83.0.11/24");
  inside("web-1", {"busybox", "ping", "-c", "1", "-w", "5", "10.83.0.11"});
  inside("web-2", {"busybox", "ping", "-c", "1", "-w", "5", "10.83.0.1"});
  EXPECT_THAT(inside("web-1", {"ip", "route"}), HasSubstr("default via 10.83.0.1"));
}

TEST_F(NetworksTest, TheHostsEndIsNamedAndStampedWithTheJob) {
  const Attachment made = attach("web-1").value();
  const auto found = networks_->inventory(stop_).value();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().host_interface, made.host_interface);
  EXPECT_EQ(found.front().container, "web-1");
  EXPECT_EQ(found.front().job, "job-1");
  EXPECT_THAT(run({"ip", "link", "show", "master", "vmbr0"}), HasSubstr(made.host_interface));
}

TEST_F(NetworksTest, DetachGivesTheAddressBackAndMayBeRepeated) {
  EXPECT_EQ(attach("web-1").value().address, "10.83.0.10/24");
  EXPECT_EQ(attach("web-2").value().address, "10.83.0.11/24");
  const auto full = attach("web-3");
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error().message, HasSubstr("no IP addresses available"));
  ASSERT_TRUE(detach("web-1"));
  ASSERT_TRUE(detach("web-1"));
  EXPECT_EQ(networks_->inventory(stop_).value().size(), 1U);
  EXPECT_EQ(attach("web-3").value().address, "10.83.0.10/24");
}

TEST_F(NetworksTest, DetachWorksAlsoWhenTheNamespaceIsGone) {
  ASSERT_TRUE(attach("web-1"));
  ASSERT_TRUE(networks_->remove_namespace(container("web-1"), stop_));
  ASSERT_TRUE(detach("web-1"));
  EXPECT_TRUE(networks_->inventory(stop_).value().empty());
  EXPECT_TRUE(attach("web-1"));
}

TEST_F(NetworksTest, AnAddressOfTheJobsOwnIsTaken) {
  NetworkSpec spec;
  spec.address = "10.83.0.200/24";
  spec.interface = "lan";
  const auto made = attach("web-1", spec);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->address, "10.83.0.200/24");
  EXPECT_THAT(inside("web-1", {"ip", "address", "show", "lan"}), HasSubstr("10.83.0.200/24"));
}

TEST_F(NetworksTest, AChosenAddressIsOneContainersUntilItIsGivenBack) {
  NetworkSpec spec;
  spec.address = "10.83.0.10/24";
  ASSERT_TRUE(attach("web-1", spec));
  const auto taken = attach("web-2", spec);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::conflict);
  EXPECT_THAT(taken.error().message, HasSubstr("taken by interface eth0 of container web-1"));
  ASSERT_TRUE(detach("web-2", spec)) << "as after a failure: it is not the one who has it";
  // Neither does the plugin give it to another, nor is one that it has given out to be had.
  EXPECT_EQ(attach("web-2").value().address, "10.83.0.11/24");
  spec.address = "10.83.0.11/24";
  spec.interface = "eth1";
  EXPECT_THAT(attach("web-1", spec).error().message, HasSubstr("container web-2"));
  spec = {};
  spec.address = "10.83.0.10/24";
  ASSERT_TRUE(detach("web-1", spec));
  ASSERT_TRUE(detach("web-1", spec));
  EXPECT_EQ(attach("web-3").value().address, "10.83.0.10/24");
}

TEST_F(NetworksTest, AnAddressThatNoContainerCanHaveIsRefusedWithWhy) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"10.83.0.0/24", "no host can have it"},
      {"10.83.0.255/24", "no host can have it"},
      {"10.83.0.1/24", "it is the gateway's"},
      {"10.84.0.9/24", "has the subnet 10.83.0.0/24"},
      {"10.83.0.9/16", "has the subnet 10.83.0.0/24"},
      {"fd00::9/64", "has the subnet"}};
  for (const auto& [address, why] : cases) {
    NetworkSpec spec;
    spec.address = address;
    const auto refused = attach("web-1", spec);
    ASSERT_FALSE(refused) << address;
    EXPECT_EQ(refused.error().code, Code::invalid) << address;
    EXPECT_THAT(refused.error().message, HasSubstr(why));
  }
  run({"ip", "address", "add", "10.83.0.2/24", "dev", "vmbr0"});
  NetworkSpec spec;
  spec.address = "10.83.0.2/24";
  EXPECT_THAT(attach("web-1", spec).error().message, HasSubstr("is the bridge's own"));
  EXPECT_TRUE(networks_->addresses().value().empty());
  spec.bridge = "vmbr0";
  spec.address = "10.99.0.9/24";
  spec.vlan = 42;
  EXPECT_TRUE(networks_->check_address(spec)) << "a VLAN has a subnet of its own";
}

TEST_F(NetworksTest, TheNodesRouterKeepsItsAddress) {
  run({"ip", "link", "add", "vmbr2", "type", "bridge"});
  run({"ip", "address", "add", "10.88.0.2/24", "dev", "vmbr2"});
  run({"ip", "link", "set", "vmbr2", "up"});
  run({"ip", "route", "add", "default", "via", "10.88.0.1"});
  NetworkSpec spec{.bridge = "vmbr2", .address = "10.88.0.1/24"};
  const auto checked = networks_->check(spec, stop_);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Code::conflict);
  EXPECT_THAT(checked.error().message, HasSubstr("interface eth0: address 10.88.0.1 is that of a "
                                                 "router of this node (by vmbr2 to default)"));
  spec.address = "10.88.0.3/24";
  EXPECT_TRUE(networks_->check(spec, stop_));
}

TEST_F(NetworksTest, ABridgeWithoutARangeGivesAnInterfaceWithoutAddress) {
  run({"ip", "link", "add", "vmbr7", "type", "bridge"});
  NetworkSpec spec;
  spec.bridge = "vmbr7";
  const auto made = attach("web-1", spec);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->address, "");
  run({"ip", "link", "delete", "vmbr7"});
}

TEST_F(NetworksTest, AGatewayWithoutAnAddressIsInvalidAndNotReported) {
  run({"ip", "link", "add", "vmbr7", "type", "bridge"});
  NetworkSpec spec;
  spec.bridge = "vmbr7";
  spec.gateway = "10.99.0.1";
  const auto refused = networks_->check_addressed(spec);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("bridge vmbr7 gives out no addresses"));
  // One that has been made so is plugged in again after a reboot.
  const auto without = attach("web-3", spec);
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_EQ(without->gateway, "");
  spec.address = "10.99.0.9/24";
  const auto made = attach("web-1", spec);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->gateway, "10.99.0.1");
  EXPECT_THAT(inside("web-1", {"ip", "route"}), HasSubstr("default via 10.99.0.1"));
  run({"ip", "link", "delete", "vmbr7"});
  // Of the addresses that a bridge gives out it is the gateway.
  spec = {};
  spec.gateway = "10.83.0.2";
  spec.bridge = "vmbr0";
  EXPECT_TRUE(networks_->check_addressed(spec));
  ASSERT_TRUE(attach("web-2", spec));
  EXPECT_THAT(inside("web-2", {"ip", "route"}), HasSubstr("default via 10.83.0.2"));
}

TEST_F(NetworksTest, SeveralInterfacesHaveOneDefaultRouteOfEachVersion) {
  run({"ip", "link", "add", "vmbr1", "type", "bridge"});
  networks_->give_out({"vmbr1", "10.84.0.0/24", "", "", "10.84.0.1"});
  NetworkSpec second;
  second.interface = "eth1";
  second.bridge = "vmbr1";
  const auto first = attach("web-1");
  ASSERT_TRUE(first);
  const auto beside =
      networks_->attach(container("web-1"), job_, second, {}, stop_, {first->gateway});
  ASSERT_TRUE(beside) << beside.error().message;
  EXPECT_EQ(beside->gateway, "") << "its job has named none, and another leads out";
  EXPECT_EQ(beside->address, "10.84.0.2/24") << "the gateway's is nobody else's all the same";
  const std::string routes = inside("web-1", {"ip", "route"});
  EXPECT_THAT(routes, HasSubstr("default via 10.83.0.1 dev eth0"));
  EXPECT_THAT(routes, testing::Not(HasSubstr("default via 10.84")));
  ASSERT_TRUE(networks_->make_namespace(container("web-2"), stop_));
  ASSERT_TRUE(networks_->attach(container("web-2"), job_, second, {}, stop_, {"2001:db8::1"}));
  EXPECT_THAT(inside("web-2", {"ip", "route"}), HasSubstr("default via 10.84.0.1 dev eth1"));
}

TEST_F(NetworksTest, ABridgeIsNeverMade) {
  NetworkSpec spec;
  spec.bridge = "vmbr9";
  const auto made = attach("web-1", spec);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::not_found);
  EXPECT_FALSE(system::run_ok({"ip", "link", "show", "vmbr9"}, stop_));
}

TEST_F(NetworksTest, WhatToDoAboutVlansIsSaidInTheWordsOfTheNode) {
  NetworkSpec spec;
  spec.bridge = "vmbr0";
  spec.vlan = 42;
  const auto why = [&](const Networks& networks) {
    return networks.check(spec, stop_).error().message;
  };
  EXPECT_THAT(why(*networks_), HasSubstr("ip link set dev vmbr0 type bridge vlan_filtering 1"));
  EXPECT_THAT(why(*networks_), testing::Not(HasSubstr("Proxmox")));
  EXPECT_THAT(why(Networks(layout_, NetworkOptions{{}, {}, true})), HasSubstr("in Proxmox"));
  ASSERT_TRUE(make_bridge({"apps", "", false}, stop_));
  spec.bridge = "apps";
  EXPECT_THAT(why(*networks_), HasSubstr("drover network ensure apps --vlan-aware"));
  run({"ip", "link", "delete", "dev", "apps"});
  EXPECT_THAT(why(*networks_), HasSubstr("drover network ensure apps makes one"));
}

TEST_F(NetworksTest, AVlanNeedsABridgeThatFilters) {
  NetworkSpec spec;
  spec.vlan = 42;
  const auto refused = attach("web-1", spec);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  const auto filtering =
      system::run({"ip", "link", "set", "vmbr0", "type", "bridge", "vlan_filtering", "1"}, stop_);
  if (filtering.value().err.find("not supported") != std::string::npos) {
    GTEST_SKIP() << "this kernel's bridges cannot filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING)";
  }
  const auto made = attach("web-1", spec);
  ASSERT_TRUE(made) << made.error().message;
  const std::string vlans = run({"bridge", "vlan", "show", "dev", made->host_interface});
  EXPECT_THAT(vlans, HasSubstr("42 PVID Egress Untagged"));
  EXPECT_THAT(vlans, testing::Not(HasSubstr(" 1 ")));
}

/// The uplink is a VLAN itself, whose other end is in a namespace "far": hardware is none in a
/// test.
TEST_F(NetworksTest, AVlanOfABridgeThatDoesNotFilterIsJoinedBesideItAsProxmoxDoes) {
  run({"ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0"});
  const auto vlan = system::run(
      {"ip", "link", "add", "link", "up0", "name", "up0.9", "type", "vlan", "id", "9"}, stop_);
  if (vlan.value().ending.code != 0) {
    GTEST_SKIP() << "this kernel has no VLANs (CONFIG_VLAN_8021Q)";
  }
  const auto far = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"ip", "-n", "far"});
    run(words);
  };
  run({"ip", "netns", "add", "far"});
  run({"ip", "link", "set", "far0", "netns", "far"});
  far({"link", "add", "link", "far0", "name", "far0.9", "type", "vlan", "id", "9"});
  far({"link", "add", "link", "far0.9", "name", "far0.9.42", "type", "vlan", "id", "42"});
  far({"address", "add", "10.88.0.1/24", "dev", "far0.9.42"});
  for (const char* name : {"far0", "far0.9", "far0.9.42"}) {
    far({"link", "set", "dev", name, "up"});
  }
  run({"ip", "link", "set", "dev", "up0.9", "master", "vmbr0"});
  for (const char* name : {"up0", "up0.9"}) {
    run({"ip", "link", "set", "dev", name, "up"});
  }
  NetworkSpec spec;
  spec.vlan = 42;
  for (const char* name : {"web-1", "web-2"}) {
    spec.address = name == std::string("web-1") ? "10.88.0.8/24" : "10.88.0.9/24";
    const auto made = attach(name, spec);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->bridge, "vmbr0");
    const std::string ports = run({"ip", "link", "show", "master", "vmbr0v42"});
    EXPECT_THAT(ports, HasSubstr(made->host_interface));
    EXPECT_THAT(ports, HasSubstr("up0.9.42"));
    inside(name, {"busybox", "ping", "-c", "1", "-w", "10", "10.88.0.1"});
    ASSERT_TRUE(detach(name, spec));
  }
  run({"ip", "netns", "delete", "far"});
}

TEST_F(NetworksTest, TheEndsOfAContainerHaveTheMtuOfTheirBridge) {
  run({"ip", "link", "set", "dev", "vmbr0", "mtu", "1400"});
  const auto made = attach("web-1");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(inside("web-1", {"ip", "link", "show", "eth0"}), HasSubstr("mtu 1400 "));
  EXPECT_THAT(run({"ip", "link", "show", made->host_interface}), HasSubstr("mtu 1400 "));
}

TEST_F(NetworksTest, TheBridgesOwnSettingsStay) {
  const Path setting = "/proc/sys/net/ipv6/conf/vmbr0/accept_ra";
  std::ofstream(setting) << 2;
  ASSERT_TRUE(attach("web-1"));
  EXPECT_EQ(system::read_file(setting, 8).value(), "2\n");
}

TEST_F(NetworksTest, ANamespaceHalfMadeByACrashIsMadeAnew) {
  std::ofstream("/run/netns/drover-web-1") << "";
  ASSERT_TRUE(networks_->make_namespace(container("web-1"), stop_));
  ASSERT_TRUE(networks_->make_namespace(container("web-1"), stop_));
  EXPECT_THAT(inside("web-1", {"ip", "link", "show", "lo"}), HasSubstr("LOWER_UP"));
}

TEST_F(NetworksTest, WhatIsLeftOfAContainerIsFoundWithoutItsSpec) {
  const Attachment made = attach("web-1").value();
  ASSERT_TRUE(attach("web-2"));
  run({"ip", "netns", "add", "vpn"});
  EXPECT_THAT(networks_->namespaces().value(), testing::UnorderedElementsAre("web-1", "web-2"));
  const auto addresses = networks_->addresses().value();
  ASSERT_EQ(addresses.size(), 2U);
  const FoundAddress& of_two = addresses.at(addresses.front().container == "web-2" ? 0 : 1);
  EXPECT_EQ(of_two.file, layout_.cni() / "drover-vmbr0/10.83.0.11");

  ASSERT_TRUE(networks_->remove_interface({made.host_interface, "web-1", "another-job"}, stop_));
  EXPECT_EQ(networks_->inventory(stop_).value().size(), 2U);
  ASSERT_TRUE(networks_->remove_interface({made.host_interface, "web-1", "job-1"}, stop_));
  EXPECT_EQ(networks_->inventory(stop_).value().size(), 1U);
  ASSERT_TRUE(networks_->release_address({of_two.file, "web-9"}));
  EXPECT_TRUE(std::filesystem::exists(of_two.file)) << "it is another container's";
  ASSERT_TRUE(networks_->release_address(of_two));
  ASSERT_TRUE(networks_->release_address(of_two));
  EXPECT_EQ(networks_->release_address({layout_.state / "journal.db", "web-1"}).error().code,
            Code::refused);
  run({"ip", "netns", "delete", "vpn"});
  // It can be given out again.
  NetworkSpec spec;
  EXPECT_EQ(attach("web-3").value().address, "10.83.0.10/24");
}

TEST(Reservation, NamesTheContainerOrNothing) {
  EXPECT_EQ(holder_of("web-1\r\neth0"), (AddressHolder{"web-1", "eth0"}));
  EXPECT_EQ(holder_of("web-1\neth0\n"), (AddressHolder{"web-1", "eth0"}));
  EXPECT_EQ(holder_of("web-1"), (AddressHolder{"web-1", ""}));
  EXPECT_EQ(holder_of("web-1\r\n"), (AddressHolder{"web-1", ""}));
  for (const char* text : {"", "\r\n", "10.83.0.10", "Web\r\neth0", "../x\r\neth0", "123"}) {
    EXPECT_EQ(holder_of(text), AddressHolder()) << text;
  }
}

TEST_F(NetworksTest, AMissingPluginIsNamedWithWhereItWasLookedFor) {
  Networks networks(layout_, NetworkOptions{{"/nowhere"}, {}});
  ASSERT_TRUE(networks.make_namespace(container("web-1"), stop_));
  NetworkSpec spec;
  spec.bridge = "vmbr0";
  const auto made = networks.attach(container("web-1"), job_, spec, {}, stop_);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace drover::runtimes
