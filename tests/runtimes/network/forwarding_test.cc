// Ports, limits and filters by the real plugins, with the rules that they leave in the kernel.
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>

#include "agent/system/unique_fd.h"
#include "networks_fixture.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::Not;

/// The node forwards, web-1 on vmbr0 is a server on port 80, and web-2 is on another bridge.
class ForwardingTest : public NetworksTest {
 protected:
  void SetUp() override {
    NetworksTest::SetUp();
    std::ofstream("/proc/sys/net/ipv4/ip_forward") << 1;
    run({"ip", "link", "add", "vmbr1", "type", "bridge"});
    run({"ip", "address", "add", "10.84.0.1/24", "dev", "vmbr1"});
    run({"ip", "link", "set", "vmbr1", "up"});
    ports_.ports = {{8080, 80, "tcp", ""}, {5353, 53, "udp", "127.0.0.1"}};
    elsewhere_.bridge = "vmbr1";
    elsewhere_.address = "10.84.0.9/24";
    elsewhere_.gateway = "10.84.0.1";
  }
  /// Answers one connection.
  system::Child serve() {
    return system::Child::start({"ip", "netns", "exec", "drover-web-1", "busybox", "nc", "-l", "-p",
                                 "80", "-e", "/bin/echo", "hello"})
        .value();
  }
  /// What one answers there; it may not listen yet.
  std::string ask(std::vector<std::string> before, const std::string& address,
                  const std::string& port) {
    before.insert(before.end(), {"busybox", "nc", "-w", "2", address, port});
    for (int attempt = 0; attempt < 200; ++attempt) {
      const system::Output said = system::run(before, stop_).value();
      if (said.ending.code == 0) {
        return said.out;
      }
    }
    return "nobody answers";
  }
  std::string rules() {
    return run({"iptables-save", "-t", "nat"}) + run({"iptables-save", "-t", "filter"});
  }
  bool reaches(const std::string& name, const std::string& address) {
    return system::run_ok({"ip", "netns", "exec", "drover-" + name, "busybox", "ping", "-c", "1",
                           "-w", "1", "-W", "1", address},
                          stop_)
        .has_value();
  }

  NetworkSpec ports_;
  NetworkSpec elsewhere_;
};

TEST_F(ForwardingTest, APublishedPortIsReachedFromTheNodeAndThroughItUntilItIsGivenBack) {
  const auto made = attach("web-1", ports_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->address, "10.83.0.10/24");
  ASSERT_TRUE(attach("web-2", elsewhere_));
  for (const auto& [from, address] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "127.0.0.1"},
           {{}, "10.83.0.1"},
           {{"ip", "netns", "exec", "drover-web-2"}, "10.84.0.1"}}) {
    system::Child server = serve();
    EXPECT_EQ(ask(from, address, "8080"), "hello\n") << address;
    EXPECT_TRUE(server.wait(stop_, std::chrono::seconds(5)));
  }
  EXPECT_THAT(rules(), HasSubstr("-d 127.0.0.1/32 -p udp -m udp --dport 5353 -j DNAT "
                                 "--to-destination 10.83.0.10:53"));
  ASSERT_TRUE(detach("web-1", ports_));
  ASSERT_TRUE(detach("web-1", ports_));
  EXPECT_THAT(rules(), Not(HasSubstr("10.83.0.10")));
  EXPECT_THAT(rules(), Not(HasSubstr("CNI-DN-")));
  EXPECT_FALSE(std::filesystem::exists(layout_.cni_chains() / "web-1"));
}

TEST_F(ForwardingTest, WhatIsPublishedGoesAlsoWithANamespaceThatIsGoneAndALeftInterface) {
  ASSERT_TRUE(attach("web-1", ports_));
  ASSERT_TRUE(networks_->remove_namespace(container("web-1"), stop_));
  EXPECT_THAT(rules(), Not(HasSubstr("10.83.0.10")));
  ASSERT_TRUE(detach("web-1", ports_)) << "as the undoing of its step does";
  const Attachment left = attach("web-1", ports_).value();
  ASSERT_TRUE(networks_->remove_interface({left.host_interface, "web-1", "job-1"}, stop_));
  EXPECT_THAT(rules(), Not(HasSubstr("CNI-DN-")));
  EXPECT_TRUE(networks_->inventory(stop_).value().empty());
  EXPECT_TRUE(attach("web-2"));
  EXPECT_TRUE(attach("web-3")) << "both addresses are to be had";
}

TEST_F(ForwardingTest, WhatAnotherOfItsNameHasPublishedGoesBeforeAnInterfaceIsMade) {
  ASSERT_TRUE(attach("web-1", ports_));
  // Its journal is lost, and a job makes one of the same name before anybody has looked.
  NetworkSpec chosen;
  chosen.address = "10.83.0.11/24";
  const auto made = attach("web-1", chosen);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(rules(), Not(HasSubstr("CNI-DN-")));
  EXPECT_TRUE(attach("web-2")) << "the address of the one before is to be had";
  EXPECT_FALSE(attach("web-3")) << "and that of this one is not";
}

TEST_F(ForwardingTest, RulesThatSomebodyHasFlushedComeBackAtTheSameAddress) {
  ports_.bandwidth = {8000, 0, 4000, 0};
  ASSERT_TRUE(attach("web-1", ports_));
  const auto mend = [&] { return networks_->mend(container("web-1"), "eth0", stop_); };
  const auto whole = mend();
  ASSERT_TRUE(whole) << whole.error().message;
  run({"iptables", "-t", "nat", "-F"});
  const std::string limits = run({"ip", "-json", "link", "show", "type", "ifb"});
  const json::Value links = json::parse(limits).value();
  run({"ip", "link", "delete", "dev",
       std::string(links.array()->at(0).at("ifname").string_or(""))});
  const auto mended = mend();
  ASSERT_TRUE(mended) << mended.error().message;
  EXPECT_THAT(rules(), HasSubstr("--dport 8080 -j DNAT --to-destination 10.83.0.10:80"));
  EXPECT_THAT(run({"tc", "qdisc", "show"}),
              AllOf(HasSubstr("rate 8Mbit"), HasSubstr("rate 4Mbit")));
  system::Child server = serve();
  EXPECT_EQ(ask({}, "10.83.0.1", "8080"), "hello\n");
  EXPECT_TRUE(server.wait(stop_, std::chrono::seconds(5)));
  ASSERT_TRUE(detach("web-1", ports_));
  EXPECT_THAT(rules(), Not(HasSubstr("CNI-DN-")));
}

TEST_F(ForwardingTest, LimitsAreSetInBothDirectionsAndGoWithTheInterface) {
  NetworkSpec spec;
  spec.bandwidth = {8000, 400, 4000, 0};
  const auto made = attach("web-1", spec);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(run({"tc", "qdisc", "show", "dev", made->host_interface}),
              HasSubstr("tbf 1: root refcnt"));
  const std::string limits = run({"tc", "qdisc", "show"});
  EXPECT_THAT(limits, HasSubstr("rate 8Mbit burst 50000b"));
  EXPECT_THAT(limits, HasSubstr("rate 4Mbit burst 50000b"));
  EXPECT_THAT(run({"ip", "link", "show", "type", "ifb"}), HasSubstr("bwp"));
  inside("web-1", {"busybox", "ping", "-c", "1", "-w", "5", "10.83.0.1"});
  ASSERT_TRUE(detach("web-1", spec));
  EXPECT_EQ(run({"ip", "link", "show", "type", "ifb"}), "");
  EXPECT_THAT(run({"tc", "qdisc", "show"}), Not(HasSubstr("tbf")));
}

TEST_F(ForwardingTest, WhatANodeDropsIsHandedOnForWhoIsToBeOpen) {
  run({"iptables", "-P", "FORWARD", "DROP"});
  ASSERT_TRUE(attach("web-1"));
  ASSERT_TRUE(attach("web-2", elsewhere_));
  EXPECT_FALSE(reaches("web-2", "10.83.0.10"));
  ASSERT_TRUE(detach("web-2", elsewhere_));
  elsewhere_.forwarding = "open";
  const auto made = attach("web-2", elsewhere_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(reaches("web-2", "10.83.0.10"));
  EXPECT_FALSE(reaches("web-1", "10.84.0.9")) << "it opens what it begins only";
  ASSERT_TRUE(detach("web-2", elsewhere_));
  EXPECT_THAT(rules(), Not(HasSubstr("10.84.0.9")));
  run({"iptables", "-P", "FORWARD", "ACCEPT"});
}

TEST_F(ForwardingTest, BridgesThatSaySoAreKeptApart) {
  NetworkSpec here;
  here.forwarding = "same-bridge";
  elsewhere_.forwarding = "same-bridge";
  ASSERT_TRUE(attach("web-1", here));
  ASSERT_TRUE(attach("web-3", here));
  const auto made = attach("web-2", elsewhere_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_FALSE(reaches("web-2", "10.83.0.10"));
  EXPECT_TRUE(reaches("web-3", "10.83.0.10"));
}

TEST_F(ForwardingTest, APortThatCannotBePublishedIsRefusedWithWhatToDo) {
  std::ofstream("/proc/sys/net/ipv4/ip_forward") << 0;
  const auto refused = attach("web-1", ports_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("sysctl -w net.ipv4.ip_forward=1"));
  ports_.ports.erase(ports_.ports.begin());
  EXPECT_TRUE(attach("web-1", ports_)) << "from the node alone nothing has to be forwarded";
  ASSERT_TRUE(detach("web-1", ports_));
  std::ofstream("/proc/sys/net/ipv4/ip_forward") << 1;

  const system::UniqueFd server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(9090);
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(server.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
  ASSERT_EQ(listen(server.get(), 1), 0);
  ports_.ports = {{9090, 80, "tcp", ""}};
  const auto taken = attach("web-1", ports_);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::conflict);
  EXPECT_THAT(taken.error().message, HasSubstr("publish port 9090/tcp: a program of this node"));
  ports_.ports = {{9090, 80, "tcp", "10.83.0.1"}, {9090, 80, "udp", ""}};
  EXPECT_TRUE(attach("web-1", ports_)) << "it listens elsewhere";
  ports_.ports = {{9090, 80, "tcp", "192.0.2.1"}};
  EXPECT_THAT(attach("web-2", ports_).error().message, HasSubstr("no such address"));
  run({"ip", "link", "add", "vmbr7", "type", "bridge"});
  ports_.bridge = "vmbr7";
  EXPECT_THAT(networks_->check_addressed(ports_).error().message,
              HasSubstr("bridge vmbr7 gives out no addresses"));
}

TEST_F(ForwardingTest, AMacvlanHasAnAddressOfItsParentsNetworkAndNoEndOnTheNode) {
  run({"ip", "link", "add", "parent", "type", "veth", "peer", "name", "wire"});
  run({"ip", "link", "set", "wire", "master", "vmbr0", "up"});
  run({"ip", "link", "set", "parent", "up"});
  NetworkSpec spec;
  spec.kind = NetworkKind::macvlan;
  spec.bridge = "parent";
  spec.address = "10.83.0.50/24";
  const auto made = attach("web-1", spec);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->host_interface, "");
  EXPECT_EQ(made->address, "10.83.0.50/24");
  EXPECT_TRUE(reaches("web-1", "10.83.0.1"));
  EXPECT_THAT(attach("web-2", spec).error().message,
              HasSubstr("interface eth0 of container web-1"));
  ASSERT_TRUE(detach("web-1", spec));
  ASSERT_TRUE(detach("web-1", spec));
  EXPECT_TRUE(attach("web-2", spec));
  spec.bridge = "eno9";
  EXPECT_EQ(attach("web-3", spec).error().code, Code::not_found);
}

TEST_F(ForwardingTest, APointToPointLinkIsRoutedAndNeedsNoBridge) {
  NetworkSpec spec;
  spec.kind = NetworkKind::ptp;
  spec.address = "10.85.0.9/24";
  spec.gateway = "10.85.0.1";
  spec.ports = {{8081, 80, "tcp", ""}};
  const auto made = attach("web-1", spec);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->gateway, "10.85.0.1");
  EXPECT_TRUE(reaches("web-1", "10.83.0.1"));
  ASSERT_EQ(networks_->inventory(stop_).value().size(), 1U);
  system::Child server = serve();
  EXPECT_EQ(ask({}, "10.83.0.1", "8081"), "hello\n");
  EXPECT_TRUE(server.wait(stop_, std::chrono::seconds(5)));
  ASSERT_TRUE(detach("web-1", spec));
  EXPECT_TRUE(networks_->inventory(stop_).value().empty());
  EXPECT_THAT(rules(), Not(HasSubstr("10.85.0.9")));
}

TEST_F(ForwardingTest, APointToPointLinkTakesNoAddressThatTheNodeHasAWayTo) {
  NetworkSpec spec;
  spec.kind = NetworkKind::ptp;
  run({"ip", "route", "add", "10.90.0.0/16", "via", "10.83.0.2"});
  for (const auto& [address, gateway] :
       {std::pair("10.83.0.50/32", "10.85.0.1"), std::pair("10.85.0.9/24", "10.83.0.1"),
        std::pair("10.85.0.9/24", "10.83.0.2"), std::pair("10.90.0.5/24", "10.85.0.1"),
        std::pair("10.85.0.9/24", "127.0.0.1")}) {
    spec.address = address;
    spec.gateway = gateway;
    const auto checked = networks_->check(spec, stop_);
    ASSERT_FALSE(checked) << address << " " << gateway;
    EXPECT_EQ(checked.error().code, Code::conflict);
    EXPECT_THAT(checked.error().message, HasSubstr("of this node's own networks"));
  }
  run({"ip", "route", "add", "default", "via", "10.83.0.2"});
  spec.address = "10.85.0.9/24";
  spec.gateway = "10.85.0.1";
  EXPECT_TRUE(networks_->check(spec, stop_));
  ASSERT_TRUE(attach("web-1", spec));
  EXPECT_EQ(networks_->check(spec, stop_).error().code, Code::conflict) << "that of web-1";
  spec.address = "10.85.0.10/24";
  EXPECT_TRUE(networks_->check(spec, stop_)) << "by the same gateway";
}

TEST_F(ForwardingTest, AVlanIsMadeOrTheKernelsOwnReasonIsTold) {
  NetworkSpec spec;
  spec.kind = NetworkKind::vlan;
  spec.bridge = "vmbr0";
  spec.vlan = 42;
  spec.address = "10.86.0.9/24";
  const auto made = attach("web-1", spec);
  if (!made) {
    EXPECT_THAT(made.error().message, HasSubstr("CNI plugin vlan ADD eth0 of web-1: failed to "
                                                "create vlan: operation not supported"));
    EXPECT_TRUE(networks_->addresses().value().empty()) << "its address is given back";
    GTEST_SKIP() << "this kernel has no VLANs (CONFIG_VLAN_8021Q)";
  }
  EXPECT_THAT(inside("web-1", {"ip", "-d", "link", "show", "eth0"}), HasSubstr("vlan protocol"));
}

}  // namespace
}  // namespace drover::runtimes
