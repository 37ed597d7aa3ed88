// Commands about what a node has besides containers.
#include <fmt/format.h>

#include <algorithm>

#include "agent/core/json.h"
#include "drover_program.h"

namespace drover::cli {
namespace {

class Things : public DroverProgram {
 protected:
  void in_use(const std::string& things, const std::string& name) {
    node_.call([&](State& state, Faults&) {
      state.things.at(things).at(name).set("containers", json::Array{"web-1", "web-2"});
    });
  }
};

TEST_F(Things, ImagesArePulledListedAndRemoved) {
  EXPECT_EQ(drover({"image", "pull", "oci:/images/web:1", "oci:/images/db:1"}).out,
            "oci:/images/web:1\noci:/images/db:1\n");
  in_use("images", "oci:/images/web:1");
  EXPECT_EQ(drover({"image", "ls"}).out,
            "NAME               DIGEST               SIZE     SINCE       CONTAINERS\n"
            "oci:/images/db:1   sha256:aaaaaaaaaaaa  4.3 MiB  2027-01-15  -\n"
            "oci:/images/web:1  sha256:aaaaaaaaaaaa  4.3 MiB  2027-01-15  web-1, web-2\n");
  EXPECT_EQ(drover({"image", "rm", "oci:/images/db:1"}).ending.code, 0);
  const system::Output used = drover({"image", "rm", "oci:/images/web:1"});
  EXPECT_EQ(used.ending.code, 1);
  EXPECT_NE(used.err.find("in use by web-1"), std::string::npos) << used.err;
  EXPECT_EQ(drover({"image", "ls", "-q"}).out, "oci:/images/web:1\n");
  EXPECT_EQ(json::parse(drover({"image", "ls", "--json"}).out)->array()->size(), 1U);
  EXPECT_EQ(drover({"image"}).ending.code, 2);
}

TEST_F(Things, VolumesAreMadeGrownCopiedListedAndDeleted) {
  EXPECT_EQ(drover({"volume", "create", "--size", "1G", "--storage", "local-image", "data"}).out,
            "data\n");
  EXPECT_EQ(drover({"volume", "create", "logs", "more"}).out, "logs\nmore\n");
  EXPECT_EQ(drover({"volume", "resize", "data", "2G"}).ending.code, 0);
  EXPECT_EQ(drover({"volume", "snapshot", "data", "data-1"}).out, "data-1\n");
  EXPECT_EQ(drover({"volume", "rm", "more"}).ending.code, 0);
  in_use("volumes", "data");
  EXPECT_EQ(drover({"volume", "ls"}).out,
            "NAME    STORAGE       SIZE     CREATED     OF    CONTAINERS\n"
            "data    local-image   2.0 GiB  2027-01-15  -     web-1, web-2\n"
            "data-1  local-image   2.0 GiB  2027-01-15  data  -\n"
            "logs    local-folder  -        2027-01-15  -     -\n");
  EXPECT_EQ(drover({"volume", "rm", "data"}).ending.code, 1);
  EXPECT_EQ(drover({"volume", "resize", "data", "much"}).err,
            "drover volume resize: SIZE: \"much\" is no size, as 64M, 2G or 1T\n"
            "`drover volume resize --help` tells what it takes.\n");
}

TEST_F(Things, NetworksAreEnsuredListedAndRemoved) {
  EXPECT_EQ(drover({"network", "ensure", "apps", "--address", "10.84.0.1/24", "--vlan-aware"}).out,
            "apps\n");
  EXPECT_EQ(drover({"network", "ensure", "bare"}).ending.code, 0);
  EXPECT_EQ(drover({"network", "ensure", "web", "--zone", "lab", "--tag", "100"}).ending.code, 0);
  in_use("networks", "apps");
  EXPECT_EQ(drover({"network", "ls"}).out,
            "NAME  STATE  ADDRESS       VLANS  ZONE     CREATED     CONTAINERS\n"
            "apps  up     10.84.0.1/24  yes    -        2027-01-15  web-1, web-2\n"
            "bare  up     -             no     -        2027-01-15  -\n"
            "web   up     -             no     lab:100  2027-01-15  -\n");
  const auto other = drover({"network", "ensure", "vmbr0"});
  EXPECT_EQ(other.out, "vmbr0\n");
  EXPECT_NE(other.err.find("vmbr0: this bridge was there and is not Drover's"), std::string::npos)
      << other.err;
  EXPECT_EQ(drover({"network", "rm", "bare"}).ending.code, 0);
  EXPECT_EQ(drover({"network", "rm", "apps"}).ending.code, 1);
  EXPECT_EQ(drover({"network", "rm", "--force", "web"}).ending.code, 0);
  EXPECT_EQ(drover({"network", "ensure", "name-of-16-bytes"}).ending.code, 2);
}

TEST_F(Things, BridgesAndBondsAreListedWhoeverHasMadeThem) {
  node_.call([](State& state, Faults&) {
    state.things["links"]["bond0"] = {{"name", "bond0"},
                                      {"type", "bond"},
                                      {"active", true},
                                      {"address", ""},
                                      {"vlan_aware", false},
                                      {"mode", "802.3ad"},
                                      {"ports", json::Array{"eth0", "eth1"}},
                                      {"own", false}};
    state.things["links"]["vmbr5"] = {{"name", "vmbr5"},        {"type", "bridge"},
                                      {"active", false},        {"address", "10.84.0.1/24"},
                                      {"vlan_aware", true},     {"mode", nullptr},
                                      {"ports", json::Array{}}, {"own", true}};
  });
  EXPECT_EQ(drover({"network", "links"}).out,
            "NAME   TYPE    ACTIVE  ADDRESS       VLANS  MODE     PORTS       OWN\n"
            "bond0  bond    yes     -             no     802.3ad  eth0, eth1  no\n"
            "vmbr5  bridge  no      10.84.0.1/24  yes    -        -           yes\n");
  EXPECT_EQ(drover({"network", "links", "-q"}).out, "bond0\nvmbr5\n");
}

TEST_F(Things, StoragesAreListedWithWhatTheyCan) {
  node_.call([](State& state, Faults&) {
    state.things["storages"]["local-lvm"] = {{"name", "local-lvm"},
                                             {"type", "lvmthin"},
                                             {"kind", "block"},
                                             {"content", json::Array{"images", "rootdir"}},
                                             {"total", std::int64_t{8} << 30},
                                             {"free", std::int64_t{3} << 30},
                                             {"shared", false},
                                             {"active", true},
                                             {"sized", true},
                                             {"grows", true},
                                             {"snapshots", true},
                                             {"message", nullptr}};
    state.things["storages"]["tank"] = {
        {"name", "tank"},     {"type", nullptr},
        {"kind", nullptr},    {"content", json::Array{}},
        {"total", nullptr},   {"free", nullptr},
        {"shared", false},    {"active", false},
        {"sized", false},     {"grows", false},
        {"snapshots", false}, {"message", "Proxmox has no such storage"}};
  });
  EXPECT_EQ(
      drover({"storage", "ls"}).out,
      "NAME       TYPE     KIND   ACTIVE  TOTAL    FREE     CAN                    CONTENT       "
      "   MESSAGE\n"
      "local-lvm  lvmthin  block  yes     8.0 GiB  3.0 GiB  sized, grow, snapshot  images, "
      "rootdir  -\n"
      "tank       -        -      no      -        -        -                      -             "
      "   Proxmox has no such storage\n");
  EXPECT_EQ(drover({"storage", "ls", "-q"}).out, "local-lvm\ntank\n");
}

TEST_F(Things, AllLeaksAreListedThoughOneAnswerHoldsAFew) {
  node_.call([](State& state, Faults&) {
    state.most_elements = 3;
    for (int number = 10; number < 18; ++number) {
      // Two of each name.
      const std::string name = fmt::format("web-{}", number / 2);
      const std::string kind = number % 2 == 0 ? "container" : "undo";
      const std::string id = fmt::format("{}::{}", kind, name);
      state.things["leaks"][id] = {{"id", id},
                                   {"kind", kind},
                                   {"name", name},
                                   {"container", name},
                                   {"seen_at", std::int64_t{1'800'000'000'000}}};
    }
  });
  const json::Value leaks = json::parse(drover({"leaks", "--json"}).out).value();
  ASSERT_EQ(leaks.array()->size(), 8U);
  EXPECT_EQ(leaks.array()->back().at("id").string_or(""), "undo::web-8");
  const std::string table = drover({"leaks"}).out;
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 9) << table;
  EXPECT_GE(node_.count("query.leaks"), 6U);
}

}  // namespace
}  // namespace drover::cli
