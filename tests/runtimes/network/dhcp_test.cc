// Addresses of a real DHCP server, by the real plugin and its daemon.
#include <chrono>
#include <thread>

#include "fakes/dhcp_network.h"
#include "networks_fixture.h"
#include "runtimes/network/interface_chain.h"
#include "runtimes/network/leased_address.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::Not;

/// The server on vmbr0 has one address to give: who has not given it back keeps it from others.
class DhcpTest : public NetworksTest {
 protected:
  void SetUp() override {
    NetworksTest::SetUp();
    dhcp_.emplace(folder_.path(), "vmbr0", layout_.dhcp_socket());
    dhcp_->serve("10.83.0.50", "10.83.0.50", "10.83.0.1");
    dhcp_->start_daemon();
    leased_.dhcp = true;
  }
  void TearDown() override {
    NetworksTest::TearDown();
    dhcp_.reset();
  }
  std::string why_lost() {
    const auto lost = networks_->lost_leases(stop_).value();
    return lost.empty() ? "" : lost.front().why;
  }
  std::string routes(const std::string& name) { return inside(name, {"ip", "route"}); }

  std::optional<fakes::DhcpNetwork> dhcp_;
  NetworkSpec leased_;
};

TEST_F(DhcpTest, TheServersAddressAndGatewayAreTheInterfacesUntilTheyGoBack) {
  const auto made = attach("web-1", leased_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->address, "10.83.0.50/24");
  EXPECT_EQ(made->gateway, "10.83.0.1");
  EXPECT_EQ(made->dns, (DnsSpec{{"192.0.2.53"}, {"lan.example"}, {}}));
  EXPECT_THAT(routes("web-1"), HasSubstr("default via 10.83.0.1 dev eth0"));
  inside("web-1", {"busybox", "ping", "-c", "1", "-w", "5", "10.83.0.1"});
  EXPECT_EQ(why_lost(), "");
  ASSERT_TRUE(detach("web-1", leased_));
  ASSERT_TRUE(detach("web-1", leased_));
  const auto next = attach("web-2", leased_);
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->address, "10.83.0.50/24");
  EXPECT_NE(next->mac, made->mac);
  ASSERT_TRUE(networks_->remove_namespace(container("web-2"), stop_)) << "which gives it back, too";
  EXPECT_EQ(attach("web-1", leased_).value().mac, made->mac) << "servers know it by that";
}

TEST_F(DhcpTest, TheGatewayThatItsJobNamesLeadsOutAndNotTheServers) {
  run({"ip", "link", "add", "vmbr1", "type", "bridge"});
  networks_->give_out({"vmbr1", "10.84.0.0/24", "", "", "10.84.0.1"});
  ASSERT_TRUE(networks_->make_namespace(container("web-1"), stop_));
  leased_.bridge = "vmbr0";
  const auto first = networks_->attach(container("web-1"), job_, leased_, {}, stop_, {"10.84.0.1"});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->gateway, "");
  EXPECT_THAT(routes("web-1"), Not(HasSubstr("default")));
  const NetworkSpec second{.interface = "eth1", .bridge = "vmbr1", .gateway = "10.84.0.1"};
  ASSERT_TRUE(networks_->attach(container("web-1"), job_, second, {}, stop_));
  EXPECT_THAT(routes("web-1"), HasSubstr("default via 10.84.0.1 dev eth1"));
  EXPECT_THAT(routes("web-1"), Not(HasSubstr("10.83.0.1 ")));
}

TEST_F(DhcpTest, WithoutItsDaemonItIsRefusedByNameAndWhatIsThereCanGo) {
  ASSERT_TRUE(attach("web-1", leased_));
  EXPECT_TRUE(networks_->check_lease(leased_));
  dhcp_->end_daemon();
  const auto refused = networks_->check_lease(leased_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().message,
              HasSubstr("networks.address: \"dhcp\" of interface eth0: no daemon"));
  EXPECT_THAT(refused.error().message, HasSubstr("systemctl enable --now drover-cni-dhcp"));
  EXPECT_EQ(attach("web-2", leased_).error().code, Code::unavailable);
  EXPECT_THAT(why_lost(), HasSubstr("no daemon"));
  EXPECT_TRUE(networks_->check_lease({})) << "others need none";
  const auto gone = detach("web-1", leased_);
  EXPECT_TRUE(gone) << gone.error().message;
  EXPECT_TRUE(networks_->inventory(stop_).value().empty());
}

TEST_F(DhcpTest, ALeaseWhoseDaemonHasEndedIsKeptByTheNextOne) {
  ASSERT_TRUE(attach("web-1", leased_));
  dhcp_->end_daemon();
  dhcp_->start_daemon();
  EXPECT_THAT(why_lost(), HasSubstr("knows of none"));
  const auto again = networks_->lease_again(container("web-1"), "eth0", stop_);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->address, "10.83.0.50/24");
  EXPECT_EQ(why_lost(), "");
  EXPECT_THAT(routes("web-1"), HasSubstr("default via 10.83.0.1 dev eth0"));
  ASSERT_TRUE(detach("web-1", leased_));
  EXPECT_TRUE(attach("web-2", leased_)) << "the daemon of now has given it back";
}

TEST_F(DhcpTest, AnInterfaceThatIsDownBecauseItsLeaseHasRunOutComesBackWithItsRoutes) {
  ASSERT_TRUE(attach("web-1", leased_));
  inside("web-1", {"ip", "link", "set", "eth0", "down"});
  EXPECT_THAT(why_lost(), HasSubstr("run out"));
  ASSERT_TRUE(networks_->lease_again(container("web-1"), "eth0", stop_));
  EXPECT_EQ(why_lost(), "");
  EXPECT_THAT(routes("web-1"), HasSubstr("default via 10.83.0.1 dev eth0"));
}

/// The daemon sets the interface up before it asks: it looked renewed, and nobody asked again.
TEST_F(DhcpTest, ALeaseThatHasRunOutIsLostUntilAServerAnswers) {
  ASSERT_TRUE(attach("web-1", leased_));
  dhcp_->end_server();
  inside("web-1", {"ip", "link", "set", "eth0", "down"});
  system::Stop unanswered;
  std::thread asking(
      [&] { EXPECT_FALSE(networks_->lease_again(container("web-1"), "eth0", unanswered)); });
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto is_up = [this] { return !inside("web-1", {"ip", "link", "show", "up"}).empty(); };
  inside("web-1", {"ip", "link", "set", "lo", "down"});
  while (!is_up() && std::chrono::steady_clock::now() < limit) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(is_up());
  unanswered.request();
  asking.join();
  EXPECT_THAT(why_lost(), HasSubstr("no DHCP server has given one since"));
  dhcp_->serve("10.83.0.50", "10.83.0.50", "10.83.0.1");
  const auto again = networks_->lease_again(container("web-1"), "eth0", stop_);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(why_lost(), "");
}

TEST_F(DhcpTest, AnotherAddressOfTheServersIsTheInterfacesAndThatOfItsPorts) {
  std::ofstream("/proc/sys/net/ipv4/ip_forward") << 1;
  leased_.ports = {{8080, 80, "tcp", ""}};
  ASSERT_TRUE(attach("web-1", leased_));
  dhcp_->serve("10.83.0.60", "10.83.0.60", "10.83.0.1");
  dhcp_->end_daemon();
  dhcp_->start_daemon();
  const auto again = networks_->lease_again(container("web-1"), "eth0", stop_);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->address, "10.83.0.60/24");
  const std::string addresses = inside("web-1", {"ip", "address", "show", "eth0"});
  EXPECT_THAT(addresses, HasSubstr("10.83.0.60/24"));
  EXPECT_THAT(addresses, Not(HasSubstr("10.83.0.50")));
  EXPECT_THAT(routes("web-1"), HasSubstr("default via 10.83.0.1 dev eth0"));
  const std::string rules = run({"iptables-save", "-t", "nat"});
  EXPECT_THAT(rules, HasSubstr("--dport 8080 -j DNAT --to-destination 10.83.0.60:80"));
  EXPECT_THAT(rules, Not(HasSubstr("10.83.0.50")));
  EXPECT_TRUE(networks_->lost_rules(stop_).value().empty());
}

/// Who answers DHCP on a network chooses where a container's published ports lead.
TEST_F(DhcpTest, AnAddressThatWouldLeadItsPortsElsewhereIsRefusedBeforeTheyArePublished) {
  std::ofstream("/proc/sys/net/ipv4/ip_forward") << 1;
  run({"ip", "link", "add", "lan", "type", "bridge"});
  run({"ip", "address", "add", "10.99.0.1/24", "dev", "lan"});
  run({"ip", "link", "set", "lan", "up"});
  run({"ip", "route", "add", "198.51.100.0/24", "via", "10.83.0.99"});
  leased_.ports = {{8080, 80, "tcp", ""}};
  struct Case {
    std::string address, router, why;
  };
  for (const Case& one :
       {Case{"10.99.0.1", "10.99.0.9", "is this node's own"},
        Case{"10.99.0.77", "10.99.0.9", "this node reaches by lan: its ports would lead there"},
        Case{"169.254.7.7", "169.254.7.1", "is link-local"},
        Case{"10.83.0.99", "10.83.0.1", "is that of a router of this node"}}) {
    dhcp_->serve(one.address, one.address, one.router);
    const auto made = attach("web-1", leased_);
    ASSERT_FALSE(made) << one.address;
    EXPECT_EQ(made.error().code, Code::refused) << made.error().message;
    EXPECT_THAT(made.error().message, HasSubstr("interface eth0: a DHCP server on vmbr0 gives it " +
                                                one.address + "/24, which " + one.why));
    EXPECT_THAT(run({"iptables-save", "-t", "nat"}), Not(HasSubstr("8080")));
    EXPECT_TRUE(networks_->inventory(stop_).value().empty());
  }
  EXPECT_EQ(attach("web-2", leased_).error().code, Code::refused)
      << "the server has it to give again: the first has given it back";
}

TEST_F(DhcpTest, WithoutPublishedPortsOnlyWhatCannotBeItsIsRefused) {
  run({"ip", "link", "add", "lan", "type", "bridge"});
  run({"ip", "address", "add", "10.99.0.1/24", "dev", "lan"});
  run({"ip", "link", "set", "lan", "up"});
  dhcp_->serve("10.99.0.77", "10.99.0.77", "10.99.0.9");
  EXPECT_TRUE(attach("web-1", leased_)) << "a network of the same numbers, which it is alone in";
}

TEST_F(DhcpTest, NoLeaseIsOneThatNoHostCanHave) {
  const PluginChain chain =
      chain_of(container("web-1"), job_, leased_, {}, {}, true, {}, {"vmbr0"});
  for (const char* address : {"127.0.0.9/8", "0.0.0.7/8", "224.0.0.9/24", "255.255.255.255/32",
                              "192.0.2.255/24", "169.254.0.9/32"}) {
    const json::Value result =
        json::Object{{"interfaces", json::Array{json::Object{{"sandbox", "/run/netns/x"}}}},
                     {"ips", json::Array{json::Object{{"address", address}}}}};
    const auto checked = check_leased_address(chain, result, stop_);
    EXPECT_TRUE(!checked && checked.error().code == Code::refused) << address;
  }
}

TEST_F(DhcpTest, WhatALaterLeaseMustNotBeChangesNothing) {
  std::ofstream("/proc/sys/net/ipv4/ip_forward") << 1;
  leased_.ports = {{8080, 80, "tcp", ""}};
  ASSERT_TRUE(attach("web-1", leased_));
  run({"ip", "route", "add", "198.51.100.0/24", "via", "10.83.0.99"});
  dhcp_->serve("10.83.0.99", "10.83.0.99", "10.83.0.1");
  dhcp_->end_daemon();
  dhcp_->start_daemon();
  EXPECT_EQ(networks_->lease_again(container("web-1"), "eth0", stop_).error().code, Code::refused);
  EXPECT_THAT(inside("web-1", {"ip", "address", "show", "eth0"}), HasSubstr("10.83.0.50/24"));
  EXPECT_THAT(run({"iptables-save", "-t", "nat"}), HasSubstr("--to-destination 10.83.0.50:80"));
  EXPECT_THAT(why_lost(), HasSubstr("no DHCP server has given one since that it can have"));
  dhcp_->serve("10.83.0.60", "10.83.0.60", "10.83.0.1");
  const auto again = networks_->lease_again(container("web-1"), "eth0", stop_);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->address, "10.83.0.60/24");
  EXPECT_EQ(why_lost(), "");
}

}  // namespace
}  // namespace drover::runtimes
