// The members of a spec that say how a container is confined, what it may use and what stands in
// it: read, written back, and each within its bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/capability.h"
#include "agent/core/container_spec.h"
#include "agent/core/sysctls.h"

namespace drover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ContainerSpec read_spec(const std::string& text, std::vector<Fault>& found) {
  const json::Value value = json::parse(text).value();
  Faults faults(text);
  ContainerSpec spec = read_container_spec(value, "/spec", faults);
  found = faults.take();
  return spec;
}

constexpr const char* kEveryMember = R"({
  "args": ["-v", ""],
  "mounts": [{"type": "bind", "source": "/srv/site", "target": "/site", "read_only": true},
             {"type": "tmpfs", "target": "/tmp", "size_mib": 16, "mode": "700"},
             {"type": "tmpfs", "target": "/run"}],
  "secrets": [{"name": "key"},
              {"name": "a-Z.0_", "target": "/etc/key", "uid": 33, "gid": 34, "mode": "440"}],
  "resources": {"memory_mib": 64, "swap_mib": 32, "cpuset": "0-1,3", "cpu_shares": 512,
                "io": {"weight": 100, "devices": [{"path": "/dev/sda", "read_bps": 1,
                       "write_bps": 2, "read_iops": 3, "write_iops": 4}]},
                "hugetlb_mib": {"2MB": 64}},
  "rlimits": {"nofile": {"soft": 1024, "hard": 4096}, "core": {"soft": 0, "hard": "unlimited"}},
  "sysctls": {"net.core.somaxconn": "1024", "kernel.shm_rmid_forced": "1"},
  "devices": [{"path": "/dev/fuse"},
              {"path": "/dev/sda", "target": "/dev/disk", "permissions": "wr"}],
  "capabilities": {"add": ["NET_ADMIN", "CAP_SYS_TIME", "NET_ADMIN"], "drop": ["ALL"]},
  "seccomp": "/etc/drover/seccomp/web.json", "apparmor": "lxc-default",
  "no_new_privileges": false, "user_namespace": "auto",
  "annotations": {"io.example/owner": "a\nb"},
  "log": {"driver": "file", "max_size_mib": 8, "max_files": 3},
  "oci": {"process": {"oomScoreAdj": 100, "noNewPrivileges": null}}})";

TEST(SpecMembersTest, EachIsRead) {
  std::vector<Fault> faults;
  const ContainerSpec spec = read_spec(kEveryMember, faults);
  ASSERT_TRUE(faults.empty()) << faults.front().pointer << " " << faults.front().message;
  EXPECT_THAT(spec.args, ElementsAre("-v", ""));
  ASSERT_EQ(spec.mounts.size(), 3U);
  EXPECT_EQ(spec.mounts.at(0), (MountSpec{MountSpec::Kind::bind, "/site", "/srv/site", true}));
  EXPECT_EQ(spec.mounts.at(1), (MountSpec{MountSpec::Kind::tmpfs, "/tmp", "", false, 16, "700"}));
  EXPECT_EQ(spec.mounts.at(2), (MountSpec{MountSpec::Kind::tmpfs, "/run", "", false, 64, "1777"}));
  ASSERT_EQ(spec.secrets.size(), 2U);
  EXPECT_EQ(spec.secrets.at(0), (SecretSpec{"key", "", 0, 0, "444"}));
  EXPECT_EQ(target_of(spec.secrets.at(0)), "/run/secrets/key");
  EXPECT_EQ(spec.secrets.at(1), (SecretSpec{"a-Z.0_", "/etc/key", 33, 34, "440"}));
  EXPECT_EQ(spec.resources.swap_mib, 32U);
  EXPECT_EQ(spec.resources.cpuset, "0-1,3");
  EXPECT_EQ(spec.resources.cpu_shares, 512U);
  EXPECT_EQ(spec.resources.io, (IoLimits{100, {{"/dev/sda", 1, 2, 3, 4}}}));
  EXPECT_EQ(spec.resources.hugetlb_mib.at("2MB"), 64U);
  EXPECT_EQ(spec.rlimits.at("nofile"), (ProcessLimit{1024, 4096}));
  EXPECT_EQ(spec.rlimits.at("core"), (ProcessLimit{0, ProcessLimit::kNone}));
  EXPECT_EQ(spec.sysctls.at("net.core.somaxconn"), "1024");
  EXPECT_EQ(spec.devices.at(0), (DeviceSpec{"/dev/fuse", "/dev/fuse", "rwm"}));
  EXPECT_EQ(spec.devices.at(1), (DeviceSpec{"/dev/sda", "/dev/disk", "rw"}));
  EXPECT_THAT(spec.security.capabilities_add, ElementsAre("CAP_NET_ADMIN", "CAP_SYS_TIME"));
  EXPECT_THAT(spec.security.capabilities_drop, ElementsAre("ALL"));
  EXPECT_EQ(spec.security.seccomp, "/etc/drover/seccomp/web.json");
  EXPECT_EQ(spec.security.apparmor, "lxc-default");
  EXPECT_FALSE(spec.security.no_new_privileges);
  EXPECT_EQ(spec.security.user_namespace, "auto");
  EXPECT_EQ(spec.annotations.at("io.example/owner"), "a\nb");
  EXPECT_EQ(spec.log, (LogPolicy{"", 8, 3}));
  EXPECT_EQ(spec.oci.find("process")->at("oomScoreAdj"), json::Value(100));
  EXPECT_NE(spec.oci.find("process")->find("noNewPrivileges"), nullptr) << "null takes away";
}

TEST(SpecMembersTest, AllComeBackFromTheirOwnJson) {
  std::vector<Fault> faults;
  const ContainerSpec spec = read_spec(kEveryMember, faults);
  const std::string text = json::write(to_json(spec));
  const ContainerSpec again = read_spec(text, faults);
  ASSERT_TRUE(faults.empty()) << faults.front().pointer << " " << faults.front().message;
  EXPECT_EQ(again, spec);
  EXPECT_EQ(json::write(to_json(again)), text);
}

TEST(SpecMembersTest, WhatIsUsualIsNotWrittenDown) {
  std::vector<Fault> faults;
  const ContainerSpec spec = read_spec(
      R"({"args":[],"mounts":[],"secrets":[],"rlimits":{},"sysctls":{},"devices":[],
          "capabilities":{"add":[],"drop":[]},"seccomp":"default","apparmor":"default",
          "no_new_privileges":true,"annotations":{},"log":{},"oci":{},
          "resources":{"io":{"devices":[]},"hugetlb_mib":{}}})",
      faults);
  ASSERT_TRUE(faults.empty()) << faults.front().pointer << " " << faults.front().message;
  EXPECT_EQ(spec, ContainerSpec{});
  EXPECT_EQ(json::write(to_json(spec)), "{}");
}

std::string repeated(const std::string& start, const std::string& element, std::size_t times,
                     const std::string& end) {
  std::string list = start;
  for (std::size_t i = 0; i < times; ++i) {
    list += (i == 0 ? "" : ",") + element;
  }
  return list + end;
}

std::string numbered(const std::string& start, const std::string& name, const std::string& value,
                     std::size_t times) {
  std::string object = start;
  for (std::size_t i = 0; i < times; ++i) {
    object += (i == 0 ? "" : ",");
    object += '"' + name + std::to_string(i) + "\":" + value;
  }
  return object + "}}";
}

TEST(SpecMembersTest, EveryListHasABound) {
  std::vector<Fault> faults;
  const auto first = [&](const std::string& text) {
    read_spec(text, faults);
    return faults.empty() ? "" : faults.front().pointer;
  };
  EXPECT_EQ(first(repeated("{\"args\":[", "\"\"", 1025, "]}")), "/spec/args");
  EXPECT_EQ(first(repeated("{\"mounts\":[", "{}", 65, "]}")), "/spec/mounts");
  EXPECT_EQ(first(repeated("{\"secrets\":[", "{}", 65, "]}")), "/spec/secrets");
  EXPECT_EQ(first(repeated("{\"devices\":[", "{}", 33, "]}")), "/spec/devices");
  EXPECT_EQ(first(repeated("{\"resources\":{\"io\":{\"devices\":[", "{}", 17, "]}}}")),
            "/spec/resources/io/devices");
  EXPECT_EQ(first(repeated("{\"capabilities\":{\"add\":[", "\"KILL\"", 65, "]}}")),
            "/spec/capabilities/add");
  EXPECT_EQ(first(numbered("{\"sysctls\":{", "net.a", "\"1\"", 65)), "/spec/sysctls");
  EXPECT_EQ(first(numbered("{\"annotations\":{", "a", "\"1\"", 65)), "/spec/annotations");
  EXPECT_EQ(first("{\"annotations\":{\"" + std::string(257, 'a') + "\":\"\"}}"),
            "/spec/annotations");
  EXPECT_EQ(first("{\"annotations\":{\"a\":\"" + std::string(4097, 'a') + "\"}}"),
            "/spec/annotations");
  EXPECT_EQ(first("{\"resources\":{\"cpuset\":\"" + std::string(1025, '1') + "\"}}"),
            "/spec/resources/cpuset");
  EXPECT_EQ(first("{\"apparmor\":\"" + std::string(256, 'a') + "\"}"), "/spec/apparmor");
}

TEST(SpecMembersTest, APatchHasABoundOfBytesAndOfDepth) {
  std::vector<Fault> faults;
  const auto nested = [](std::size_t depth) {
    return "{\"oci\":" + repeated("", "", 0, "") +
           std::string(depth - 1, '[').insert(0, "{\"a\":") + std::string(depth - 1, ']') + "}}";
  };
  read_spec(nested(16), faults);
  EXPECT_TRUE(faults.empty());
  read_spec(nested(17), faults);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults.front().pointer, "/spec/oci");
  const std::size_t frame = std::string("{\"a\":\"\"}").size();
  const auto of_size = [&](std::size_t bytes) {
    return "{\"oci\":{\"a\":\"" + std::string(bytes - frame, 'x') + "\"}}";
  };
  read_spec(of_size(65536), faults);
  EXPECT_TRUE(faults.empty());
  read_spec(of_size(65537), faults);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_THAT(faults.front().message, HasSubstr("65536"));
}

TEST(CapabilityTest, HasItsPrefixOrNot) {
  EXPECT_EQ(capability_from("CHOWN"), "CAP_CHOWN");
  EXPECT_EQ(capability_from("CAP_CHECKPOINT_RESTORE"), "CAP_CHECKPOINT_RESTORE");
  EXPECT_EQ(capability_from("ALL"), "ALL");
  for (const char* none : {"", "CAP_", "chown", "CAP_CAP_CHOWN", "CAP_ALL", "NOPE", " CHOWN"}) {
    EXPECT_EQ(capability_from(none), std::nullopt) << none;
  }
}

TEST(SysctlTest, OnlyWhatEachContainerHasForItself) {
  for (const char* own : {"net.ipv4.ip_forward", "net.ipv4.conf.eth0.rp_filter",
                          "fs.mqueue.msg_max", "kernel.sem", "kernel.shmmax", "kernel.msgmnb"}) {
    EXPECT_TRUE(is_namespaced_sysctl(own)) << own;
  }
  for (const char* none :
       {"", "net", "net.", "net..a", "net.a.", "net.a/../b", "kernel.hostname", "kernel.semi",
        "kernel.panic", "vm.swappiness", "fs.file-max", "fs.mqueue.", "net/core/somaxconn"}) {
    EXPECT_FALSE(is_namespaced_sysctl(none)) << none;
  }
}

TEST(IoLimitsTest, AChangeLeavesWhatItDoesNotName) {
  const IoLimits before{100, {{"/dev/sda", 1, 2, 0, 0}}};
  const IoLimits wish{0, {{"/dev/sda", 0, 7, 0, 0}, {"/dev/sdb", 0, 0, 3, 0}}};
  EXPECT_EQ(with_changes(before, wish),
            (IoLimits{100, {{"/dev/sda", 1, 7, 0, 0}, {"/dev/sdb", 0, 0, 3, 0}}}));
  EXPECT_EQ(with_changes(before, {}), before);
}

}  // namespace
}  // namespace drover
