#include "agent/cli/network_options.h"

#include <gmock/gmock.h>

namespace drover::cli {
namespace {

using testing::HasSubstr;

TEST(Network, HasInterfaceBridgeAndMore) {
  EXPECT_EQ(read_network("eth0=vmbr0").value(), (NetworkSpec{"eth0", "vmbr0", "", "", 0}));
  EXPECT_EQ(read_network("eth1=vmbr1,address=192.0.2.10/24,gateway=192.0.2.1,vlan=42").value(),
            (NetworkSpec{"eth1", "vmbr1", "192.0.2.10/24", "192.0.2.1", 42}));
  const NetworkSpec bounded =
      read_network("eth0=vmbr0,ingress=10M,egress=500k,forwarding=open").value();
  EXPECT_EQ(bounded.bandwidth, (Bandwidth{10000, 0, 500, 0}));
  EXPECT_EQ(bounded.forwarding, "open");
  const NetworkSpec leased = read_network("eth0=vmbr0,address=dhcp").value();
  EXPECT_TRUE(leased.dhcp);
  EXPECT_EQ(leased.address, "");
  EXPECT_EQ(read_network("eth0=eno1,kind=macvlan")->kind, NetworkKind::macvlan);
  EXPECT_EQ(read_network("eth0=,kind=ptp,address=192.0.2.9/24,gateway=192.0.2.1")->kind,
            NetworkKind::ptp);
}

TEST(Network, OfAnotherFormIsInvalid) {
  for (const char* text :
       {"", "eth0", "=vmbr0", "eth0=", "eth0=vmbr0,vlan=0", "eth0=vmbr0,vlan=4095",
        "eth0=vmbr0,vlan=x", "eth0=vmbr0,mac=1", "eth0=vmbr0,address", "eth0=vmbr0,ingress=10",
        "eth0=vmbr0,egress=0M", "eth0=vmbr0,egress=M", "eth0=vmbr0,kind=ipvlan",
        "eth0=vmbr0,kind=ptp"}) {
    const auto read = read_network(text);
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().message, HasSubstr("--network"));
  }
}

TEST(Publish, HasPortsProtocolAndAnAddress) {
  EXPECT_EQ(read_published("8080:80").value(), (PublishedPort{8080, 80, "tcp", ""}));
  EXPECT_EQ(read_published("8080:80/tcp").value(), (PublishedPort{8080, 80, "tcp", ""}));
  EXPECT_EQ(read_published("127.0.0.1:53:5353/udp").value(),
            (PublishedPort{53, 5353, "udp", "127.0.0.1"}));
  EXPECT_EQ(read_published("[2001:db8::1]:53:5353").value(),
            (PublishedPort{53, 5353, "tcp", "2001:db8::1"}));
  for (const char* text : {"", "80", ":80", "80:", "0:80", "80:0", "65536:80", "80:80/sctp",
                           "80:80/", "a:80", "80:a", "[::1:80:80", "[::1]80:80", "/tcp"}) {
    const auto read = read_published(text);
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().message, HasSubstr("--publish"));
  }
}

TEST(Options, ChangeWhatTheSpecHas) {
  ContainerSpec spec;
  spec.dns.servers = {"192.0.2.1"};
  spec.dns.search = {"example.org"};
  NetworkOptions options;
  options.publish = {"8080:80"};
  options.dns = {"192.0.2.53"};
  options.hosts = {"db:2001:db8::7"};
  ASSERT_TRUE(set_network(options, spec));
  ASSERT_EQ(spec.networks->size(), 1U) << "on the node's default bridge";
  EXPECT_EQ(spec.networks->front().ports.size(), 1U);
  EXPECT_EQ(spec.dns, (DnsSpec{{"192.0.2.53"}, {"example.org"}, {}}));
  EXPECT_EQ(spec.hosts, (std::vector<HostEntry>{{"2001:db8::7", {"db"}}}));
  options.networks = {"none"};
  EXPECT_THAT(set_network(options, spec).error().message, HasSubstr("without a network"));
  for (const char* text : {"db", ":192.0.2.1", "db:"}) {
    NetworkOptions faulty;
    faulty.hosts = {text};
    EXPECT_THAT(set_network(faulty, spec).error().message, HasSubstr("--add-host")) << text;
  }
}

}  // namespace
}  // namespace drover::cli
