#include "agent/core/network_spec.h"

#include <gmock/gmock.h>

#include "agent/core/container_spec.h"

namespace drover {
namespace {

using testing::HasSubstr;

ContainerSpec read_spec_with(const std::string& text, std::vector<Fault>& found) {
  const json::Value value = json::parse(text).value();
  Faults faults(text);
  ContainerSpec spec = read_container_spec(value, "/spec", faults);
  found = faults.take();
  return spec;
}

constexpr const char* kNetworks = R"({
  "networks": [
    {"interface": "eth0", "bridge": "vmbr0",
     "ports": [{"host": 8080, "container": 80},
               {"host": 53, "container": 5353, "protocol": "udp", "address": "127.0.0.1"}],
     "bandwidth": {"ingress_kbit_s": 8000, "ingress_burst_kbit": 400, "egress_kbit_s": 4000},
     "forwarding": "same-bridge"},
    {"interface": "eth1", "kind": "macvlan", "parent": "eno1"},
    {"interface": "eth2", "kind": "ptp", "address": "192.0.2.9/24", "gateway": "192.0.2.1"},
    {"interface": "eth3", "kind": "vlan", "parent": "eno1", "vlan": 42}],
  "dns": {"servers": ["192.0.2.53", "2001:db8::53"], "search": ["example.org"],
          "options": ["ndots:2"]},
  "hosts": [{"address": "192.0.2.7", "names": ["db", "db.example.org"]}]})";

TEST(NetworkSpecTest, ReadsEveryMemberAndComesBackFromItsOwnJson) {
  std::vector<Fault> faults;
  const ContainerSpec spec = read_spec_with(kNetworks, faults);
  ASSERT_TRUE(faults.empty()) << faults.front().pointer << faults.front().message;
  const std::vector<NetworkSpec>& networks = spec.networks.value();
  ASSERT_EQ(networks.size(), 4U);
  EXPECT_EQ(networks.at(0).ports,
            (std::vector<PublishedPort>{{8080, 80, "tcp", ""}, {53, 5353, "udp", "127.0.0.1"}}));
  EXPECT_EQ(networks.at(0).bandwidth, (Bandwidth{8000, 400, 4000, 0}));
  EXPECT_EQ(networks.at(0).forwarding, "same-bridge");
  EXPECT_EQ(networks.at(1).kind, NetworkKind::macvlan);
  EXPECT_EQ(networks.at(1).bridge, "eno1");
  EXPECT_EQ(networks.at(2).kind, NetworkKind::ptp);
  EXPECT_EQ(networks.at(3).vlan, 42U);
  EXPECT_EQ(spec.dns, (DnsSpec{{"192.0.2.53", "2001:db8::53"}, {"example.org"}, {"ndots:2"}}));
  EXPECT_EQ(spec.hosts, (std::vector<HostEntry>{{"192.0.2.7", {"db", "db.example.org"}}}));
  const std::string text = json::write(to_json(spec));
  EXPECT_EQ(read_spec_with(text, faults), spec) << text;
  EXPECT_TRUE(faults.empty());
}

TEST(NetworkSpecTest, PortsCollideAtOneAddressAndWhereOneIsAtAll) {
  const PublishedPort all{80, 1, "tcp", ""};
  EXPECT_TRUE(collide(all, {80, 2, "tcp", "192.0.2.1"}));
  EXPECT_TRUE(collide({80, 1, "tcp", "0.0.0.0"}, {80, 2, "tcp", "192.0.2.1"}));
  EXPECT_TRUE(collide({80, 1, "tcp", "::1"}, {80, 2, "tcp", "0:0:0:0:0:0:0:1"}));
  EXPECT_FALSE(collide({80, 1, "tcp", "192.0.2.2"}, {80, 2, "tcp", "192.0.2.1"}));
  EXPECT_FALSE(collide(all, {80, 1, "udp", ""}));
  EXPECT_FALSE(collide(all, {81, 1, "tcp", ""}));
  EXPECT_EQ(describe({80, 1, "tcp", "::1"}), "[::1]:80/tcp");
}

struct WrongNetwork {
  const char* text;
  const char* pointer;
  const char* part;
};

class NetworkFaultTest : public testing::TestWithParam<WrongNetwork> {};

TEST_P(NetworkFaultTest, IsTheOnlyOneAndPointsThere) {
  std::vector<Fault> faults;
  read_spec_with(GetParam().text, faults);
  ASSERT_EQ(faults.size(), 1U) << GetParam().text;
  EXPECT_EQ(faults[0].pointer, GetParam().pointer);
  EXPECT_THAT(faults[0].message, HasSubstr(GetParam().part));
}

INSTANTIATE_TEST_SUITE_P(
    All, NetworkFaultTest,
    testing::Values(
        WrongNetwork{R"({"networks":[{"ports":[{"container":80}]}]})",
                     "/spec/networks/0/ports/0/host", "is missing"},
        WrongNetwork{R"({"networks":[{"ports":[{"host":0,"container":80}]}]})",
                     "/spec/networks/0/ports/0/host", "1"},
        WrongNetwork{R"({"networks":[{"ports":[{"host":1,"container":80,"protocol":"sctp"}]}]})",
                     "/spec/networks/0/ports/0/protocol", "tcp, udp"},
        WrongNetwork{R"({"networks":[{"ports":[{"host":1,"container":80,"address":"here"}]}]})",
                     "/spec/networks/0/ports/0/address", "IP address"},
        WrongNetwork{
            R"({"networks":[{"address":"192.0.2.9/24",
                             "ports":[{"host":1,"container":80,"address":"::1"}]}]})",
            "/spec/networks/0/ports", "IP version"},
        WrongNetwork{R"({"networks":[{"ports":[{"host":8,"container":1}]},
                                     {"interface":"b","bridge":"x",
                                      "ports":[{"host":8,"container":2}]}]})",
                     "/spec/networks", "8/tcp is published twice"},
        WrongNetwork{R"({"networks":[{"ports":[{"host":8,"container":1}]},
                                     {"interface":"b","ports":[{"host":9,"container":2}]}]})",
                     "/spec/networks", "publish ports by one of its interfaces"},
        WrongNetwork{R"({"networks":[{"bandwidth":{"egress_kbit_s":1}},
                                     {"interface":"b","bandwidth":{"egress_kbit_s":1}}]})",
                     "/spec/networks", "bound egress of one"},
        WrongNetwork{R"({"networks":[{"bandwidth":{"egress_burst_kbit":1}}]})",
                     "/spec/networks/0/bandwidth/egress_burst_kbit", "egress_kbit_s"},
        WrongNetwork{R"({"networks":[{"bandwidth":{"rate":1}}]})",
                     "/spec/networks/0/bandwidth/rate", "unknown"},
        WrongNetwork{R"({"networks":[{"forwarding":"closed"}]})", "/spec/networks/0/forwarding",
                     "same-bridge"},
        WrongNetwork{R"({"networks":[{"kind":"ipvlan"}]})", "/spec/networks/0/kind", "macvlan"},
        WrongNetwork{R"({"networks":[{"kind":"macvlan"}]})", "/spec/networks/0/parent",
                     "is missing"},
        WrongNetwork{R"({"networks":[{"kind":"macvlan","parent":"e","bridge":"b"}]})",
                     "/spec/networks/0/bridge", "kind macvlan"},
        WrongNetwork{R"({"networks":[{"parent":"e"}]})", "/spec/networks/0/parent", "kind bridge"},
        WrongNetwork{R"({"networks":[{"kind":"macvlan","parent":"a b"}]})",
                     "/spec/networks/0/parent", "interface of the node"},
        WrongNetwork{R"({"networks":[{"kind":"macvlan","parent":"e",
                                      "ports":[{"host":1,"container":1}]}]})",
                     "/spec/networks/0/ports", "does not pass through the node"},
        WrongNetwork{R"({"networks":[{"kind":"macvlan","parent":"e","vlan":1}]})",
                     "/spec/networks/0/vlan", "kind macvlan"},
        WrongNetwork{R"({"networks":[{"kind":"vlan","parent":"e"}]})", "/spec/networks/0/vlan",
                     "is missing"},
        WrongNetwork{R"({"networks":[{"kind":"ptp","address":"192.0.2.9/24"}]})",
                     "/spec/networks/0/gateway", "is missing"},
        WrongNetwork{R"({"networks":[{"kind":"ptp","address":"192.0.2.9/24",
                                      "gateway":"192.0.2.1","forwarding":"same-bridge"}]})",
                     "/spec/networks/0/forwarding", "on no bridge"},
        WrongNetwork{R"({"dns":{"servers":["dns.example.org"]}})", "/spec/dns/servers",
                     "IP addresses"},
        WrongNetwork{R"({"dns":{"servers":["192.0.2.1","192.0.2.2","192.0.2.3","192.0.2.4"]}})",
                     "/spec/dns/servers", "at most 3"},
        WrongNetwork{R"({"dns":{"search":["a b"]}})", "/spec/dns/search", "names of domains"},
        WrongNetwork{R"({"dns":{"options":["a\nnameserver"]}})", "/spec/dns/options", "ndots:2"},
        WrongNetwork{R"({"dns":{"domain":"x"}})", "/spec/dns/domain", "unknown"},
        WrongNetwork{R"({"hosts":[{"address":"192.0.2.1"}]})", "/spec/hosts/0/names", "is missing"},
        WrongNetwork{R"({"hosts":[{"address":"x","names":["a"]}]})", "/spec/hosts/0/address",
                     "IP address"},
        WrongNetwork{R"({"hosts":[{"address":"192.0.2.1","names":["a\n192.0.2.2 b"]}]})",
                     "/spec/hosts/0/names", "names of hosts"}));

}  // namespace
}  // namespace drover
