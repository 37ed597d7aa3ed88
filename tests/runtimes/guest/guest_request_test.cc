#include "runtimes/guest/guest_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

GuestOptions options() {
  return {"local", 1536, Vmid{900'000}, Vmid{900'009}, "/var/lib/lxc", "vmbr0", "local-lvm"};
}

ContainerSpec spec() {
  ContainerSpec made;
  made.image = "local:vztmpl/busybox_1.0_amd64.tar.gz";
  return made;
}

TEST(GuestRequestTest, TheLeastSpecGetsAnUnprivilegedGuestOnTheDefaultBridge) {
  const auto request = map_spec(spec(), options());
  ASSERT_TRUE(request) << to_text(request.error());
  EXPECT_EQ(request->template_volume, "local:vztmpl/busybox_1.0_amd64.tar.gz");
  EXPECT_EQ(request->rootfs, "local:1.5");
  EXPECT_THAT(request->nets, ElementsAre("name=eth0,bridge=vmbr0,ip=dhcp"));
  EXPECT_THAT(request->mount_points, ElementsAre());
  EXPECT_THAT(request->more, ElementsAre(Pair("unprivileged", "1")));
}

TEST(GuestRequestTest, ABackupIsRestoredWithItsOwnDisksUnlessVolumesAreNamed) {
  ContainerSpec wish = spec();
  wish.image = "nfs:backup/vzdump-lxc-100-2026_11_23-22_59_35.tar.zst";
  const auto whole = map_spec(wish, options());
  ASSERT_TRUE(whole) << to_text(whole.error());
  EXPECT_TRUE(whole->restore);
  EXPECT_EQ(whole->rootfs, "");
  EXPECT_THAT(whole->more, UnorderedElementsAre(Pair("unprivileged", "1"), Pair("storage", "local"),
                                                Pair("onboot", "0")));
  wish.volumes = {{"data", "/data", "", 1024, false}};
  const auto named = map_spec(wish, options());
  EXPECT_EQ(named.value().rootfs, "local:1.5");
  EXPECT_THAT(named->mount_points, ElementsAre("local-lvm:1,mp=/data,backup=1"));
  EXPECT_FALSE(map_spec(spec(), options()).value().restore);
}

TEST(GuestRequestTest, VolumesBecomeMountPoints) {
  ContainerSpec wish = spec();
  wish.volumes = {{"data", "/srv/my data", "", 8, false}, {"ro", "/ro", "nfs", 3072, true}};
  EXPECT_THAT(
      map_spec(wish, options()).value().mount_points,
      ElementsAre("local-lvm:0.0078125,mp=/srv/my data,backup=1", "nfs:3,mp=/ro,backup=1,ro=1"));
}

TEST(GuestRequestTest, EverySizeInMibIsExact) {
  ContainerSpec wish = spec();
  wish.volumes = {{"data", "/data", "s", 1, false}};
  for (const std::uint64_t mib : {1U, 3U, 102U, 1023U, 1025U, 123'456'789U, 1U << 30}) {
    wish.volumes[0].size_mib = mib;
    const std::string text = map_spec(wish, options()).value().mount_points[0];
    EXPECT_EQ(text.find('e'), std::string::npos) << text;
    // As PVE::LXC makes it: int(GiB * 1024) MiB.
    EXPECT_EQ(static_cast<std::uint64_t>(std::stod(text.substr(2)) * 1024), mib) << text;
  }
}

TEST(GuestRequestTest, InterfacesBecomeNets) {
  ContainerSpec wish = spec();
  wish.networks = {{"eth0", "", "192.0.2.10/24", "192.0.2.1", 20},
                   {"eth1", "vmbr1", "2001:db8::5/64", "2001:db8::1", 0}};
  EXPECT_THAT(map_spec(wish, options()).value().nets,
              ElementsAre("name=eth0,bridge=vmbr0,ip=192.0.2.10/24,gw=192.0.2.1,tag=20",
                          "name=eth1,bridge=vmbr1,ip6=2001:db8::5/64,gw6=2001:db8::1"));
}

TEST(GuestRequestTest, ResolversAndDomainsAreProxmoxsToWrite) {
  ContainerSpec wish = spec();
  wish.dns = {{"192.0.2.53", "2001:db8::53"}, {"example.org", "lab"}, {}};
  EXPECT_THAT(
      map_spec(wish, options()).value().more,
      UnorderedElementsAre(Pair("unprivileged", "1"), Pair("nameserver", "192.0.2.53 2001:db8::53"),
                           Pair("searchdomain", "example.org lab")));
}

TEST(GuestRequestTest, NoInterfacesAreNone) {
  ContainerSpec wish = spec();
  wish.networks.emplace();
  EXPECT_THAT(map_spec(wish, options()).value().nets, ElementsAre());
  GuestOptions without = options();
  without.default_bridge = "";
  EXPECT_THAT(map_spec(spec(), without).value().nets, ElementsAre());
}

TEST(GuestRequestTest, LimitsAreSet) {
  ContainerSpec wish = spec();
  wish.resources = {256, 1.5, 0};
  EXPECT_THAT(
      map_spec(wish, options()).value().more,
      UnorderedElementsAre(Pair("unprivileged", "1"), Pair("memory", "256"), Pair("swap", "0"),
                           Pair("cores", "2"), Pair("cpulimit", "1.50")));
}

TEST(GuestRequestTest, LimitsAreReadBackFromAConfiguration) {
  const auto limits = [](const char* text) { return limits_of(json::parse(text).value()); };
  EXPECT_EQ(limits(R"({"memory":256,"swap":0,"cores":2,"cpulimit":"1.50"})"),
            (Resources{256, 1.5, 0}));
  EXPECT_EQ(limits(R"({"memory":"256","swap":"0","cpulimit":2})"), (Resources{256, 2, 0}));
  EXPECT_EQ(limits(R"({"memory":512,"swap":512})"), Resources{}) << "Proxmox's own default";
  EXPECT_EQ(limits("{}"), Resources{});
}

struct Refusal {
  const char* field;
  std::function<void(ContainerSpec&)> change;
};

class GuestRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(GuestRefusalTest, NamesTheField) {
  ContainerSpec wish = spec();
  ASSERT_TRUE(map_spec(wish, options()));
  GetParam().change(wish);
  const auto request = map_spec(wish, options());
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code, Code::refused);
  EXPECT_THAT(request.error().message,
              HasSubstr(std::string("pve-lxc, ") + GetParam().field + ":"));
}

INSTANTIATE_TEST_SUITE_P(
    All, GuestRefusalTest,
    testing::Values(
        Refusal{"rootfs", [](ContainerSpec& s) { s.rootfs = "/srv/root"; }},
        Refusal{"command", [](ContainerSpec& s) { s.command = {"sh"}; }},
        Refusal{"env",
                [](ContainerSpec& s) {
                  s.env = {{"A", "1"}};
                }},
        Refusal{"cwd", [](ContainerSpec& s) { s.cwd = "/srv"; }},
        Refusal{"user", [](ContainerSpec& s) { s.user = "1000"; }},
        Refusal{"stop.signal", [](ContainerSpec& s) { s.stop_signal = 3; }},
        Refusal{"resources.pids", [](ContainerSpec& s) { s.resources.pids = 100; }},
        Refusal{"resources.memory_mib", [](ContainerSpec& s) { s.resources.memory_mib = 15; }},
        Refusal{"image", [](ContainerSpec& s) { s.image = ""; }},
        Refusal{"image", [](ContainerSpec& s) { s.image = "oci:/srv/images:web"; }},
        Refusal{"image", [](ContainerSpec& s) { s.image = "local:vztmpl/"; }},
        Refusal{"image", [](ContainerSpec& s) { s.image = ":vztmpl/x"; }},
        Refusal{"image", [](ContainerSpec& s) { s.image = "/etc:vztmpl/x"; }},
        Refusal{"volumes/1/storage",
                [](ContainerSpec& s) {
                  s.volumes = {{"a", "/a", "s", 1, false}, {"b", "/b", "local-folder", 1, false}};
                }},
        Refusal{"volumes/0/storage",
                [](ContainerSpec& s) {
                  s.volumes = {{"a", "/a", "s,ro=1", 1, false}};
                }},
        Refusal{"volumes/0/target",
                [](ContainerSpec& s) {
                  s.volumes = {{"a", "/a,backup=1", "s", 1, false}};
                }},
        Refusal{"volumes/0/target",
                [](ContainerSpec& s) {
                  s.volumes = {{"a", "/a\nb", "s", 1, false}};
                }},
        Refusal{"networks/0/ports",
                [](ContainerSpec& s) {
                  s.networks.emplace().emplace_back().ports = {{80, 80, "tcp", ""}};
                }},
        Refusal{"networks/0/bandwidth",
                [](ContainerSpec& s) {
                  s.networks.emplace().emplace_back().bandwidth.egress_kbit_s = 1;
                }},
        Refusal{"networks/0/forwarding",
                [](ContainerSpec& s) { s.networks.emplace().emplace_back().forwarding = "open"; }},
        Refusal{"networks/0/kind",
                [](ContainerSpec& s) {
                  s.networks.emplace().emplace_back().kind = NetworkKind::macvlan;
                }},
        Refusal{"dns.options", [](ContainerSpec& s) { s.dns.options = {"ndots:2"}; }},
        Refusal{"hosts",
                [](ContainerSpec& s) {
                  s.hosts = {{"192.0.2.7", {"db"}}};
                }},
        Refusal{"networks/0/bridge",
                [](ContainerSpec& s) {
                  s.networks.emplace().push_back({"eth0", "vmbr0,firewall=1", "", "", 0});
                }},
        Refusal{"networks/0/gateway",
                [](ContainerSpec& s) {
                  s.networks.emplace().push_back({"eth0", "vmbr0", "", "192.0.2.1", 0});
                }},
        Refusal{
            "networks/0/gateway", [](ContainerSpec& s) {
              s.networks.emplace().push_back({"eth0", "vmbr0", "192.0.2.5/24", "2001:db8::1", 0});
            }}));

TEST(GuestRequestTest, AnInterfaceWithoutAnyBridgeIsRefused) {
  GuestOptions without = options();
  without.default_bridge = "";
  ContainerSpec wish = spec();
  wish.networks.emplace().emplace_back();
  EXPECT_THAT(map_spec(wish, without).error().message, HasSubstr("networks/0/bridge"));
}

}  // namespace
}  // namespace drover::runtimes
