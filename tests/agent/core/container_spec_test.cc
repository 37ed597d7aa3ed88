#include "agent/core/container_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace drover {
namespace {

using testing::HasSubstr;

ContainerSpec read(const std::string& text, std::vector<Fault>& found) {
  const json::Value value = json::parse(text).value();
  Faults faults(text);
  ContainerSpec spec = read_container_spec(value, "/spec", faults);
  found = faults.take();
  return spec;
}

constexpr const char* kWhole = R"({
  "runtime": "pve-lxc", "image": "oci:/srv/images:web",
  "command": ["sh", "-c", "exit 7"], "env": {"A": "1", "B": ""}, "cwd": "/srv",
  "user": "1000:1000", "hostname": "web",
  "volumes": [{"name": "data", "target": "/data", "storage": "local", "size_mib": 64,
               "read_only": true}],
  "networks": [{"interface": "eth1", "bridge": "vmbr0", "address": "192.0.2.10/24",
                "gateway": "192.0.2.1", "vlan": 20}, {}],
  "resources": {"memory_mib": 128, "cpus": 1.5, "pids": 100},
  "stop": {"signal": "SIGINT", "grace_s": 3}, "labels": {"team": "a"},
  "restart": {"policy": "on-failure", "max_attempts": 5, "exempt_codes": [2, 64]},
  "probes": [{"name": "web", "http": {"port": 80, "path": "/health"}, "interval_s": 5,
              "start_period_s": 30},
             {"name": "inside", "exec": {"command": ["true"]}, "timeout_s": 1, "failures": 1},
             {"name": "port", "tcp": {"port": 22}}]})";

TEST(ContainerSpecTest, ReadsEveryField) {
  std::vector<Fault> faults;
  const ContainerSpec spec = read(kWhole, faults);
  ASSERT_TRUE(faults.empty()) << faults.front().pointer << faults.front().message;
  EXPECT_EQ(spec.runtime, RuntimeKind::pve_lxc);
  EXPECT_EQ(spec.image, "oci:/srv/images:web");
  EXPECT_EQ(spec.command.size(), 3U);
  EXPECT_EQ(spec.env.at("B"), "");
  EXPECT_EQ(spec.volumes.at(0), (VolumeSpec{"data", "/data", "local", 64, true, ""}));
  ASSERT_EQ(spec.networks->size(), 2U);
  EXPECT_EQ(spec.networks->at(0), (NetworkSpec{"eth1", "vmbr0", "192.0.2.10/24", "192.0.2.1", 20}));
  EXPECT_EQ(spec.networks->at(1).interface, "eth0");
  EXPECT_EQ(spec.resources, (Resources{128, 1.5, 100}));
  EXPECT_EQ(spec.stop_signal, SIGINT);
  EXPECT_EQ(spec.stop_grace, std::chrono::seconds(3));
  EXPECT_EQ(spec.labels.at("team"), "a");
  EXPECT_EQ(spec.restart, (RestartPolicy{RestartPolicy::When::on_failure, 5, {2, 64}}));
  ASSERT_EQ(spec.probes.size(), 3U);
  EXPECT_EQ(spec.probes.at(0), (ProbeSpec{"web",
                                          ProbeSpec::Kind::http,
                                          {},
                                          80,
                                          "/health",
                                          std::chrono::seconds(5),
                                          std::chrono::seconds(2),
                                          3,
                                          std::chrono::seconds(30)}));
  EXPECT_EQ(spec.probes.at(1).command, std::vector<std::string>{"true"});
  EXPECT_EQ(spec.probes.at(2).kind, ProbeSpec::Kind::tcp);
}

TEST(ContainerSpecTest, AProbeAsksExactlyOneQuestion) {
  std::vector<Fault> faults;
  for (const char* probe :
       {R"({"name":"a"})", R"({"name":"a","tcp":{"port":1},"http":{"port":1}})"}) {
    read(std::string(R"({"probes":[)") + probe + "]}", faults);
    ASSERT_EQ(faults.size(), 1U) << probe;
    EXPECT_EQ(faults.at(0).pointer, "/spec/probes/0");
  }
}

TEST(ContainerSpecTest, EveryFaultOfRestartAndProbesIsToldAtOnce) {
  std::vector<Fault> faults;
  read(R"({"restart":{"policy":"sometimes","exempt_codes":[256],"retries":1},
           "probes":[{"name":"-","exec":{"command":[]}},{"name":"b","http":{"path":"x"}}]})",
       faults);
  std::vector<std::string> pointers;
  for (const Fault& fault : faults) {
    pointers.push_back(fault.pointer);
  }
  EXPECT_THAT(pointers,
              testing::UnorderedElementsAre(
                  "/spec/restart/policy", "/spec/restart/exempt_codes", "/spec/restart/retries",
                  "/spec/probes/0/name", "/spec/probes/0/exec/command", "/spec/probes/1/http/port",
                  "/spec/probes/1/http/path"));
}

TEST(ContainerSpecTest, AStandingVolumeHasItsOwnStorageAndSize) {
  std::vector<Fault> faults;
  const auto one = read(R"({"volumes":[{"name":"d","target":"/d","from":"data"}]})", faults);
  EXPECT_TRUE(faults.empty());
  EXPECT_EQ(one.volumes.at(0).from, "data");
  read(R"({"volumes":[{"name":"d","target":"/d","from":"data","size_mib":1}]})", faults);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults.at(0).pointer, "/spec/volumes/0/size_mib");
}

TEST(ContainerSpecTest, AVolumeInAFolderHasNoSize) {
  std::vector<Fault> faults;
  const auto one = read(R"({"volumes":[{"name":"d","target":"/d"}]})", faults);
  EXPECT_TRUE(faults.empty());
  EXPECT_EQ(one.volumes.at(0).size_mib, 0U);
  const auto again = read(json::write(to_json(one)), faults);
  EXPECT_TRUE(faults.empty()) << "the journal has it as this";
  EXPECT_EQ(again, one);
}

TEST(ContainerSpecTest, TheEmptyObjectIsASpecOfDefaults) {
  std::vector<Fault> faults;
  EXPECT_EQ(read("{}", faults), ContainerSpec{});
  EXPECT_TRUE(faults.empty());
  EXPECT_EQ(json::write(to_json(ContainerSpec{})), "{}");
}

TEST(ContainerSpecTest, ComesBackFromItsOwnJson) {
  std::vector<Fault> faults;
  for (const std::string& text :
       {std::string(kWhole), std::string("{}"), std::string(R"({"networks":[]})"),
        std::string(R"({"rootfs":"/srv/root","stop":{"grace_s":0}})"),
        std::string(R"({"stop":{"signal":"RTMIN+3"},"resources":{"cpus":0.25}})")}) {
    const ContainerSpec spec = read(text, faults);
    ASSERT_TRUE(faults.empty()) << text;
    EXPECT_EQ(read(json::write(to_json(spec)), faults), spec) << text;
    EXPECT_TRUE(faults.empty());
  }
}

TEST(ContainerSpecTest, NoNetworksIsNotTheSameAsTheDefault) {
  std::vector<Fault> faults;
  EXPECT_EQ(read("{}", faults).networks, std::nullopt);
  EXPECT_EQ(read(R"({"networks":[]})", faults).networks->size(), 0U);
}

struct WrongSpec {
  const char* text;
  const char* pointer;
  const char* part;
};

class SpecFaultTest : public testing::TestWithParam<WrongSpec> {};

TEST_P(SpecFaultTest, IsTheOnlyOneAndPointsThere) {
  std::vector<Fault> faults;
  read(GetParam().text, faults);
  ASSERT_EQ(faults.size(), 1U) << GetParam().text;
  EXPECT_EQ(faults[0].pointer, GetParam().pointer);
  EXPECT_THAT(faults[0].message, HasSubstr(GetParam().part));
  EXPECT_EQ(faults[0].line, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    All, SpecFaultTest,
    testing::Values(
        WrongSpec{R"({"runtime":"docker"})", "/spec/runtime", "runc, crun, lxc, pve-lxc"},
        WrongSpec{R"({"image":"a\u0000b"})", "/spec/image", "NUL"},
        WrongSpec{R"({"image":7})", "/spec/image", "a string"},
        WrongSpec{R"({"image":"a","rootfs":"/b"})", "/spec/rootfs", "together"},
        WrongSpec{R"({"rootfs":"b"})", "/spec/rootfs", "absolute"},
        WrongSpec{R"({"rootfs":"/a/../b"})", "/spec/rootfs", ".."},
        WrongSpec{R"({"rootfs":"/a/.."})", "/spec/rootfs", ".."},
        WrongSpec{R"({"cwd":"srv"})", "/spec/cwd", "absolute"},
        WrongSpec{R"({"cwd":"/a\u0000"})", "/spec/cwd", "absolute"},
        WrongSpec{R"({"command":[""]})", "/spec/command", "program"},
        WrongSpec{R"({"command":["a","\u0000"]})", "/spec/command", "NUL"},
        WrongSpec{R"({"command":["a",1]})", "/spec/command/1", "a string"},
        WrongSpec{R"({"command":"sh"})", "/spec/command", "array"},
        WrongSpec{R"({"env":{"":"x"}})", "/spec/env", "not empty"},
        WrongSpec{R"({"env":{"A=B":"x"}})", "/spec/env", "="},
        WrongSpec{R"({"env":{"A":1}})", "/spec/env/A", "a string"},
        WrongSpec{R"({"env":{"A":"\u0000"}})", "/spec/env", "NUL"},
        WrongSpec{R"({"user":"a\u0000"})", "/spec/user", "NUL"},
        WrongSpec{R"({"hostname":"a b"})", "/spec/hostname", "a-z"},
        WrongSpec{R"({"volumes":{}})", "/spec/volumes", "array"},
        WrongSpec{R"({"volumes":[{"target":"/a","size_mib":1}]})", "/spec/volumes/0/name",
                  "missing"},
        WrongSpec{R"({"volumes":[{"name":"a","size_mib":1}]})", "/spec/volumes/0/target",
                  "missing"},
        WrongSpec{R"({"volumes":[{"name":7,"target":"/a","size_mib":1}]})", "/spec/volumes/0/name",
                  "a string"},
        WrongSpec{R"({"volumes":[{"name":"A","target":"/a","size_mib":1}]})",
                  "/spec/volumes/0/name", "a-z"},
        WrongSpec{R"({"volumes":[{"name":"a","target":"/","size_mib":1}]})",
                  "/spec/volumes/0/target", "root"},
        WrongSpec{R"({"volumes":[{"name":"a","target":"/a","size_mib":0}]})",
                  "/spec/volumes/0/size_mib", "1 to"},
        WrongSpec{R"({"volumes":[{"name":"a","target":"/a","size_mib":1,"size":2}]})",
                  "/spec/volumes/0/size", "unknown"},
        WrongSpec{R"({"volumes":[{"name":"a","target":"/a","size_mib":1},
                 {"name":"a","target":"/b","size_mib":1}]})",
                  "/spec/volumes", "different names"},
        WrongSpec{R"({"volumes":[{"name":"a","target":"/a","size_mib":1},
                 {"name":"b","target":"/a","size_mib":1}]})",
                  "/spec/volumes", "different targets"},
        WrongSpec{R"({"networks":[{"interface":"lo"}]})", "/spec/networks/0/interface", "not lo"},
        WrongSpec{R"({"networks":[{"interface":"a/b"}]})", "/spec/networks/0/interface", "letters"},
        WrongSpec{R"({"networks":[{"interface":"sixteen-letters-"}]})",
                  "/spec/networks/0/interface", "15"},
        WrongSpec{R"({"networks":[{"address":"192.0.2.10"}]})", "/spec/networks/0/address",
                  "prefix"},
        WrongSpec{R"({"networks":[{"address":"192.0.2.10/33"}]})", "/spec/networks/0/address",
                  "prefix"},
        WrongSpec{R"({"networks":[{"address":"192.0.2.10/24x"}]})", "/spec/networks/0/address",
                  "prefix"},
        WrongSpec{R"({"networks":[{"address":"2001:db8::1/129"}]})", "/spec/networks/0/address",
                  "prefix"},
        WrongSpec{R"({"networks":[{"address":"dhcp","gateway":"192.0.2.1"}]})",
                  "/spec/networks/0/gateway", "DHCP"},
        WrongSpec{R"({"networks":[{"kind":"ptp","address":"dhcp","gateway":"192.0.2.1"}]})",
                  "/spec/networks/0/address", "ptp"},
        WrongSpec{R"({"networks":[{"gateway":"nowhere"}]})", "/spec/networks/0/gateway", "IP"},
        WrongSpec{R"({"networks":[{"vlan":4095}]})", "/spec/networks/0/vlan", "4094"},
        WrongSpec{R"({"networks":[{"vlan":0}]})", "/spec/networks/0/vlan", "1 to"},
        WrongSpec{R"({"networks":[{},{}]})", "/spec/networks", "different interfaces"},
        WrongSpec{R"({"networks":[{},{"interface":"a"},{"bridge":1,"interface":"c"}]})",
                  "/spec/networks/2/bridge", "a string"},
        WrongSpec{R"({"resources":{"memory_mib":3}})", "/spec/resources/memory_mib", "4 to"},
        WrongSpec{R"({"resources":{"cpus":0}})", "/spec/resources/cpus", "0.01"},
        WrongSpec{R"({"resources":{"pids":0}})", "/spec/resources/pids", "1 to"},
        WrongSpec{R"({"resources":[]})", "/spec/resources", "an object"},
        WrongSpec{R"({"stop":{"signal":"SIGNOPE"}})", "/spec/stop/signal", "signal"},
        WrongSpec{R"({"stop":{"signal":"65"}})", "/spec/stop/signal", "signal"},
        WrongSpec{R"({"stop":{"grace_s":-1}})", "/spec/stop/grace_s", "0 to"},
        WrongSpec{R"({"labels":{"a":[]}})", "/spec/labels/a", "a string"},
        WrongSpec{R"({"privileged":true})", "/spec/privileged", "unknown"}));

TEST(ContainerSpecTest, EveryListHasABound) {
  std::vector<Fault> faults;
  const auto repeated = [](const std::string& element, int times) {
    std::string list;
    for (int i = 0; i < times; ++i) {
      list += (i == 0 ? "" : ",") + element;
    }
    return list;
  };
  read("{\"volumes\":[" + repeated("{}", 33) + "]}", faults);
  EXPECT_EQ(faults.at(0).pointer, "/spec/volumes");
  read("{\"networks\":[" + repeated("{}", 9) + "]}", faults);
  EXPECT_EQ(faults.at(0).pointer, "/spec/networks");
  read("{\"command\":[" + repeated("\"a\"", 1025) + "]}", faults);
  EXPECT_EQ(faults.at(0).pointer, "/spec/command");
  std::string labels;
  for (int i = 0; i < 65; ++i) {
    labels += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"\"";
  }
  read("{\"labels\":{" + labels + "}}", faults);
  EXPECT_EQ(faults.at(0).pointer, "/spec/labels");
}

TEST(SignalTest, TakesNamesAndNumbers) {
  EXPECT_EQ(signal_from("15"), 15);
  EXPECT_EQ(signal_from("1"), 1);
  EXPECT_EQ(signal_from("64"), 64);
  EXPECT_EQ(signal_from("TERM"), SIGTERM);
  EXPECT_EQ(signal_from("SIGTERM"), SIGTERM);
  EXPECT_EQ(signal_from("SIGUSR1"), SIGUSR1);
  EXPECT_EQ(signal_from("RTMIN"), 34);
  EXPECT_EQ(signal_from("SIGRTMIN+3"), 37);
  EXPECT_EQ(signal_from("RTMIN+30"), 64);
}

TEST(SignalTest, TakesNothingElse) {
  for (const char* text :
       {"", "0", "65", "-1", "+9", "9 ", " 9", "0x9", "term", "SIG", "SIGSIGTERM", "NOPE",
        "RTMIN+31", "RTMIN-1", "RTMIN+", "RTMIN+-1", "RTMINX", "99999999999999999999"}) {
    EXPECT_EQ(signal_from(text), std::nullopt) << text;
  }
}

TEST(RuntimeKindTest, NamesReadBack) {
  for (const RuntimeKind kind :
       {RuntimeKind::runc, RuntimeKind::crun, RuntimeKind::lxc, RuntimeKind::pve_lxc}) {
    EXPECT_EQ(runtime_kind_from(to_string(kind)), kind);
  }
  EXPECT_EQ(runtime_kind_from("pve_lxc"), std::nullopt);
}

}  // namespace
}  // namespace drover
