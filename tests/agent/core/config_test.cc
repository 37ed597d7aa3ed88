#include "agent/core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "fakes/temp_folder.h"

namespace drover {
namespace {

using testing::HasSubstr;

Config config(const std::string& text) {
  auto read = parse_config(text);
  EXPECT_TRUE(read) << (read ? "" : to_text(read.error()));
  return read.value_or(Config{});
}

TEST(ConfigTest, TheEmptyObjectIsAWholeConfiguration) {
  const Config all = config("{}");
  EXPECT_EQ(all.node, "");
  EXPECT_EQ(all.runtime.default_kind, RuntimeKind::crun);
  EXPECT_EQ(all.runtime.state_folder, "/var/lib/drover");
  EXPECT_EQ(all.runtime.workers, 8);
  EXPECT_FALSE(all.proxmox.enabled);
  EXPECT_EQ(all.storage.default_storage, "local-folder");
  EXPECT_EQ(all.network.plugin_folders.size(), 2U);
  EXPECT_EQ(all.container.pids, 4096);
  EXPECT_EQ(all.container.first_user, 2147483648);
  EXPECT_EQ(all.container.user_ranges, 32767);
  EXPECT_EQ(all.bus.front_user, "drover-front");
}

TEST(ConfigTest, ImagesGoAtAMarkThatIsNotBelowWhereThatEnds) {
  const Config all = config("{}");
  EXPECT_EQ(all.images.policy_file, "/etc/containers/policy.json");
  EXPECT_EQ(all.images.full_percent, 85);
  EXPECT_EQ(all.images.enough_percent, 80);
  EXPECT_EQ(config(R"({"images": {"full_percent": 50}})").images.enough_percent, 50);
  for (const char* bad :
       {R"({"images": {"full_percent": 70, "enough_percent": 71}})",
        R"({"images": {"full_percent": 0}})", R"({"images": {"policy_file": ""}})",
        R"({"images": {"auth_file": "auth.json"}})", R"({"images": {"timeout_s": 0}})"}) {
    EXPECT_FALSE(parse_config(bad)) << bad;
  }
}

TEST(ConfigTest, AThinPoolIsNamedByItsGroupAndItself) {
  EXPECT_EQ(config("{}").storage.thin_pool, "");
  const Config all =
      config(R"({"storage": {"thin_pool": "vg-0/thin.a", "default": "local-thin"}})");
  EXPECT_EQ(all.storage.thin_group, "vg-0");
  EXPECT_EQ(all.storage.thin_pool, "thin.a");
  for (const char* bad :
       {"vg", "vg/", "/thin", "vg/a/b", "-v/thin", "vg/..", "v g/thin", "vg/a b"}) {
    EXPECT_FALSE(parse_config(std::string(R"({"storage": {"thin_pool": ")") + bad + R"("}})"))
        << bad;
  }
  EXPECT_FALSE(parse_config(R"({"storage": {"default": "local-thin"}})"));
}

TEST(ConfigTest, ReadsEverySection) {
  const Config all = config(R"({
    // comments and trailing commas are welcome
    "node": "pve1",
    "runtime": {"default": "runc", "runc_path": "/opt/runc", "workers": 2, "log_level": "debug",
                "systemd_cgroup": true, "rules": [{"pattern": "db-*", "runtime": "lxc"}],},
    "proxmox": {"url": "https://pve:8006", "node": "pve1", "token_file": "/etc/drover/token",
                "ca_file": "/etc/pve/ca.pem", "first_vmid": 500, "last_vmid": 600,
                "volume_owner": 700},
    "storage": {"default": "local-lvm", "guest_root_mib": 512, "template_storages": ["nfs"]},
    "network": {"default_bridge": "vmbr0", "plugin_folders": ["/x"],
                "ranges": [{"bridge": "vmbr0", "subnet": "192.0.2.0/24", "gateway": "192.0.2.1"}]},
    "container": {"memory_mib": 64, "image_folders": ["/srv/images"]},
    "bus": {"folder": "/run/x", "queue": 5}
  })");
  EXPECT_EQ(all.runtime.default_kind, RuntimeKind::runc);
  EXPECT_EQ(all.runtime.paths.at(RuntimeKind::runc), "/opt/runc");
  EXPECT_TRUE(all.proxmox.enabled);
  EXPECT_EQ(all.proxmox.volume_owner, 700);
  EXPECT_EQ(all.storage.guest_root_mib, 512);
  EXPECT_EQ(all.storage.template_storages, std::vector<std::string>{"nfs"});
  EXPECT_EQ(all.network.ranges.at(0).gateway, "192.0.2.1");
  EXPECT_EQ(all.container.image_folders.at(0), "/srv/images");
  EXPECT_EQ(all.bus.queue, 5);
}

TEST(ConfigTest, TellsEveryFaultWithLineAndPointer) {
  const auto read = parse_config(R"({
    "node": "A",
    "runtime": {
      "workers": 0,
      "rules": [
        {"pattern": ""},
        {"runtime": "docker", "pattern": "x"}
      ]
    },
    "storge": {},
    "bus": {"queue": "many"}
  })");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::invalid);
  const auto line_of = [&](const std::string& pointer) {
    const auto& faults = read.error().faults;
    const auto found = std::find_if(faults.begin(), faults.end(),
                                    [&](const Fault& fault) { return fault.pointer == pointer; });
    return found == faults.end() ? 0U : found->line;
  };
  EXPECT_EQ(read.error().faults.size(), 7U) << to_text(read.error());
  EXPECT_EQ(line_of("/node"), 2U);
  EXPECT_EQ(line_of("/runtime/workers"), 4U);
  EXPECT_EQ(line_of("/runtime/rules/0/runtime"), 6U);
  EXPECT_EQ(line_of("/runtime/rules/0/pattern"), 6U);
  EXPECT_EQ(line_of("/runtime/rules/1/runtime"), 7U);
  EXPECT_EQ(line_of("/storge"), 10U);
  EXPECT_EQ(line_of("/bus/queue"), 11U);
  EXPECT_THAT(to_text(read.error()), HasSubstr("did you mean \"storage\"?"));
}

#define FINGERPRINT                                                           \
  "\"AA:BB:CC:DD:EE:FF:00:11:AA:BB:CC:DD:EE:FF:00:11:AA:BB:CC:DD:EE:FF:00:11" \
  ":AA:BB:CC:DD:EE:FF:00:11\""

struct WrongConfig {
  const char* text;
  const char* pointer;
};

class ConfigFaultTest : public testing::TestWithParam<WrongConfig> {};

TEST_P(ConfigFaultTest, IsTheOnlyOneAndPointsThere) {
  const auto read = parse_config(GetParam().text);
  ASSERT_FALSE(read) << GetParam().text;
  ASSERT_EQ(read.error().faults.size(), 1U) << to_text(read.error());
  EXPECT_EQ(read.error().faults[0].pointer, GetParam().pointer);
  EXPECT_EQ(read.error().faults[0].line, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    All, ConfigFaultTest,
    testing::Values(
        WrongConfig{R"({"runtime":{"default":"docker"}})", "/runtime/default"},
        WrongConfig{R"({"runtime":{"state_folder":"var"}})", "/runtime/state_folder"},
        WrongConfig{R"({"runtime":{"lxc_path":"/x"}})", "/runtime/lxc_path"},
        WrongConfig{R"({"runtime":[]})", "/runtime"},
        WrongConfig{R"({"proxmox":{"ca_file":"/c"}})", "/proxmox/token_file"},
        WrongConfig{R"({"proxmox":{"token_file":"/t"}})", "/proxmox/ca_file"},
        WrongConfig{R"({"proxmox":{"token_file":"/t","ca_file":"/c","fingerprint":)" FINGERPRINT
                    "}}",
                    "/proxmox/ca_file"},
        WrongConfig{R"({"proxmox":{"token_file":"/t","ca_file":"/c","url":"http://x"}})",
                    "/proxmox/url"},
        WrongConfig{R"({"proxmox":{"token_file":"/t","ca_file":"/c","others":[{"url":"x"}]}})",
                    "/proxmox/others/0/url"},
        WrongConfig{R"({"proxmox":{"token_file":"/t","fingerprint":)" FINGERPRINT
                    R"(,"others":[{"url":"https://x"}]}})",
                    "/proxmox/others/0/fingerprint"},
        WrongConfig{R"({"proxmox":{"token_file":"/t","fingerprint":"AA:BB"}})",
                    "/proxmox/fingerprint"},
        WrongConfig{R"({"proxmox":{"user":"root","password_file":"/p","ca_file":"/c"}})",
                    "/proxmox/user"},
        WrongConfig{R"({"storage":{"guest_storage":"local-folder"}})", "/storage/guest_storage"},
        WrongConfig{R"({"proxmox":{"token_file":"/t","password_file":"/p","ca_file":"/c"}})",
                    "/proxmox/token_file"},
        WrongConfig{R"({"proxmox":{"password_file":"/p","ca_file":"/c"}})", "/proxmox/user"},
        WrongConfig{R"({"proxmox":{"token_file":"/t","user":"root@pam","ca_file":"/c"}})",
                    "/proxmox/user"},
        WrongConfig{R"({"proxmox":{"token_file":"/t","ca_file":"/c","first_vmid":99}})",
                    "/proxmox/first_vmid"},
        WrongConfig{R"({"proxmox":{"token_file":"/t","ca_file":"/c","first_vmid":910000}})",
                    "/proxmox/last_vmid"},
        WrongConfig{R"({"proxmox":{"token_file":"/t","ca_file":"/c","volume_owner":900005}})",
                    "/proxmox/volume_owner"},
        WrongConfig{R"({"network":{"plugin_folders":["a"]}})", "/network/plugin_folders"},
        WrongConfig{R"({"network":{"ranges":[{"bridge":"b"}]}})", "/network/ranges/0/subnet"},
        WrongConfig{R"({"container":{"pids":0}})", "/container/pids"},
        WrongConfig{R"({"container":{"first_user":1000}})", "/container/first_user"},
        WrongConfig{R"({"container":{"first_user":4294901760}})", "/container/first_user"},
        WrongConfig{R"({"container":{"user_ranges":32768}})", "/container/user_ranges"},
        WrongConfig{R"({"bus":{"front_user":""}})", "/bus/front_user"}));

INSTANTIATE_TEST_SUITE_P(
    Policy, ConfigFaultTest,
    testing::Values(
        WrongConfig{R"({"policy":{"privileged":true}})", "/policy/privileged"},
        WrongConfig{R"({"policy":{"runtimes":["docker"]}})", "/policy/runtimes"},
        WrongConfig{R"({"policy":{"images":[""]}})", "/policy/images"},
        WrongConfig{R"({"policy":{"capabilities":["ROOT"]}})", "/policy/capabilities"},
        WrongConfig{R"({"policy":{"seccomp":["default"]}})", "/policy/seccomp"},
        WrongConfig{R"({"policy":{"seccomp":["/etc/../home"]}})", "/policy/seccomp"},
        WrongConfig{R"({"policy":{"apparmor":[1]}})", "/policy/apparmor/0"},
        WrongConfig{R"({"policy":{"new_privileges":"yes"}})", "/policy/new_privileges"},
        WrongConfig{R"({"policy":{"user_namespace":"host"}})", "/policy/user_namespace"},
        WrongConfig{R"({"policy":{"devices":["/dev/fuse"]}})", "/policy/devices/0"},
        WrongConfig{R"({"policy":{"devices":[{"path":"/srv/x"}]}})", "/policy/devices/0/path"},
        WrongConfig{R"({"policy":{"devices":[{"path":"/dev/../x"}]}})", "/policy/devices/0/path"},
        WrongConfig{R"({"policy":{"devices":[{"path":"/dev/"}]}})", "/policy/devices/0/path"},
        WrongConfig{R"({"policy":{"devices":[{"path":"/dev/x","permissions":"rx"}]}})",
                    "/policy/devices/0/permissions"},
        WrongConfig{R"({"policy":{"binds":[{"read_only":true}]}})", "/policy/binds/0/source"},
        WrongConfig{R"({"policy":{"binds":[{"source":"data"}]}})", "/policy/binds/0/source"},
        WrongConfig{R"({"policy":{"binds":[{"source":"/data/../etc"}]}})",
                    "/policy/binds/0/source"},
        WrongConfig{R"({"policy":{"rlimits":{"files":1}}})", "/policy/rlimits/files"},
        WrongConfig{R"({"policy":{"rlimits":{"nofile":-1}}})", "/policy/rlimits/nofile"},
        WrongConfig{R"({"policy":{"oci":["process"]}})", "/policy/oci"},
        WrongConfig{R"({"policy":{"oci":["/process/~2"]}})", "/policy/oci"},
        WrongConfig{R"({"policy":{"network":{"bridges":[""]}}})", "/policy/network/bridges"},
        WrongConfig{R"({"policy":{"network":{"vlans":["0"]}}})", "/policy/network/vlans"},
        WrongConfig{R"({"policy":{"network":{"vlans":["4095"]}}})", "/policy/network/vlans"},
        WrongConfig{R"({"policy":{"network":{"routed":["10.0.0.1"]}}})", "/policy/network/routed"},
        WrongConfig{R"({"policy":{"network":{"ports":["9-8"]}}})", "/policy/network/ports"},
        WrongConfig{R"({"policy":{"network":{"ports":["80/sctp"]}}})", "/policy/network/ports"},
        WrongConfig{R"({"policy":{"network":{"ports":["80-65536"]}}})", "/policy/network/ports"},
        WrongConfig{R"({"policy":{"network":{"port_addresses":["all"]}}})",
                    "/policy/network/port_addresses"},
        WrongConfig{R"({"policy":{"memory_mib":-1}})", "/policy/memory_mib"}));

TEST(ConfigTest, ReadsAPolicy) {
  const PolicyConfig policy = config(R"({"policy":{
    "runtimes":["crun"], "capabilities":["NET_ADMIN"], "seccomp":["unconfined","/etc/p/"],
    "binds":[{"source":"/data//a/"},{"source":"/srv","read_only":false}],
    "devices":[{"path":"/dev/fuse"}], "rlimits":{"core":0,"memlock":"unlimited"}, "cpus":0.5}})")
                                  .policy;
  EXPECT_EQ(policy.runtimes, std::vector{RuntimeKind::crun});
  EXPECT_EQ(policy.capabilities, std::vector<std::string>{"CAP_NET_ADMIN"});
  EXPECT_TRUE(policy.seccomp_unconfined);
  EXPECT_EQ(policy.seccomp_folders, std::vector<path>{"/etc/p"});
  EXPECT_EQ(policy.binds, (std::vector<AllowedBind>{{"/data/a", true}, {"/srv", false}}));
  EXPECT_EQ(policy.devices, (std::vector<AllowedDevice>{{"/dev/fuse", "rwm"}}));
  EXPECT_EQ(policy.rlimits.at("core"), 0U);
  EXPECT_EQ(policy.rlimits.at("nofile"), 1048576U);
  EXPECT_FALSE(policy.rlimits.contains("memlock"));
  EXPECT_EQ(policy.cpus, 0.5);
  EXPECT_EQ(policy.network, NetworkPolicy{});
  EXPECT_EQ(config("{}").policy, PolicyConfig{});
}

TEST(ConfigTest, WhatIsNoJsonNamesTheLine) {
  const auto read = parse_config("{\n\"node\": \n}");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().faults.at(0).line, 3U);
  EXPECT_FALSE(parse_config(""));
  EXPECT_FALSE(parse_config("[]"));
}

TEST(RoutingTest, TheFirstRuleThatMatchesWins) {
  const Config all = config(R"({"runtime":{"default":"runc","rules":[
    {"pattern":"*-db","runtime":"lxc"},
    {"pattern":"a*b","runtime":"crun"},
    {"pattern":"my-*","runtime":"pve-lxc"}]}})");
  const auto expect = [&](const char* name, RuntimeKind kind, std::optional<std::size_t> rule) {
    const RoutingChoice choice = all.container_type(name);
    EXPECT_EQ(choice.kind, kind) << name;
    EXPECT_EQ(choice.rule, rule) << name;
  };
  expect("my-app-db", RuntimeKind::lxc, 0);
  expect("axbyb", RuntimeKind::crun, 1);
  expect("my-app", RuntimeKind::pve_lxc, 2);
  expect("web", RuntimeKind::runc, std::nullopt);
}

TEST(RoutingTest, WithoutRulesTheDefaultDecides) {
  const RoutingChoice choice = Config{}.container_type("anything");
  EXPECT_EQ(choice.kind, RuntimeKind::crun);
  EXPECT_EQ(choice.rule, std::nullopt);
}

class RuntimePathTest : public testing::Test {
 protected:
  path program(const std::string& name, unsigned mode) {
    const path made = folder_ / name;
    std::ofstream(made) << "#!/bin/sh\n";
    EXPECT_EQ(chmod(made.c_str(), mode), 0);
    return made;
  }
  Code refused(const path& program) {
    const auto set = config_.set_runtime_path(RuntimeKind::runc, program);
    EXPECT_FALSE(set) << program;
    EXPECT_FALSE(config_.runtime.paths.contains(RuntimeKind::runc));
    return set ? Code::broken : set.error().code;
  }

  fakes::TempFolder folder_;
  Config config_;
};

TEST_F(RuntimePathTest, TakesAProgramOfRoots) {
  const path runc = program("runc", 0755);
  ASSERT_TRUE(config_.set_runtime_path(RuntimeKind::runc, runc));
  EXPECT_EQ(config_.runtime_path(RuntimeKind::runc).value(), runc);
}

TEST_F(RuntimePathTest, RefusesWhatIsNoSafeProgram) {
  EXPECT_EQ(refused("runc"), Code::invalid);
  EXPECT_EQ(refused(""), Code::invalid);
  EXPECT_EQ(refused(folder_ / "missing"), Code::not_found);
  EXPECT_EQ(refused(folder_.path()), Code::invalid);
  EXPECT_EQ(refused("/dev/null"), Code::invalid);
  EXPECT_EQ(refused(program("plain", 0644)), Code::invalid);
  EXPECT_EQ(refused(program("group", 0775)), Code::refused);
  EXPECT_EQ(refused(program("others", 0757)), Code::refused);
  const path foreign = program("foreign", 0755);
  ASSERT_EQ(chown(foreign.c_str(), 12345, 12345), 0);
  EXPECT_EQ(refused(foreign), Code::refused);
}

TEST_F(RuntimePathTest, APathThatHasGoneIsToldWhenItIsAskedFor) {
  const path runc = program("runc", 0755);
  ASSERT_TRUE(config_.set_runtime_path(RuntimeKind::runc, runc));
  std::filesystem::remove(runc);
  EXPECT_EQ(config_.runtime_path(RuntimeKind::runc).error().code, Code::not_found);
}

TEST_F(RuntimePathTest, FindsDebiansRuncOnNobodysPath) {
  const auto runc = config_.runtime_path(RuntimeKind::runc);
  ASSERT_TRUE(runc) << to_text(runc.error());
  EXPECT_EQ(std::filesystem::canonical(*runc), "/usr/sbin/runc");
  EXPECT_EQ(config_.runtime_path(RuntimeKind::crun).value(), "/usr/bin/crun");
}

TEST_F(RuntimePathTest, OtherRuntimesAreNoPrograms) {
  EXPECT_EQ(config_.runtime_path(RuntimeKind::lxc).error().code, Code::invalid);
  EXPECT_EQ(config_.set_runtime_path(RuntimeKind::pve_lxc, program("x", 0755)).error().code,
            Code::invalid);
}

}  // namespace
}  // namespace drover
