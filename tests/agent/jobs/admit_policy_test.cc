// The node's policy, rule by rule: a fresh node lets no job loosen anything, each rule allows what
// it says and nothing beside it, and a refusal names member, value and what an admin may change.
#include "agent/jobs/admit_policy.h"

#include <gmock/gmock.h>

#include "agent/core/capability.h"

namespace drover::jobs {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

Config config_of(const std::string& policy) {
  auto read = parse_config(R"({"policy":)" + policy + "}");
  EXPECT_TRUE(read) << policy << (read ? "" : to_text(read.error()));
  return read.value_or(Config{});
}

ContainerSpec spec_of(const std::string& text) {
  const auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  Faults faults;
  ContainerSpec spec = read_container_spec(value.value_or(json::Value()), "", faults);
  EXPECT_TRUE(faults.result("spec")) << text;
  return spec;
}

/// "" when it is allowed.
std::string refusal(const std::string& policy, const std::string& spec,
                    RuntimeKind kind = RuntimeKind::crun) {
  const Result<> admitted = admit_policy(config_of(policy), spec_of(spec), kind);
  EXPECT_TRUE(admitted || admitted.error().code == Code::refused);
  return admitted ? "" : admitted.error().message;
}

struct Loosened {
  const char* spec;
  const char* member;
  const char* value;
  const char* rule;
};

class FreshNodeTest : public testing::TestWithParam<Loosened> {};

TEST_P(FreshNodeTest, RefusesIt) {
  EXPECT_THAT(refusal("{}", GetParam().spec),
              AllOf(HasSubstr(GetParam().member), HasSubstr(GetParam().value),
                    HasSubstr("its admin may change policy." + std::string(GetParam().rule))));
}

INSTANTIATE_TEST_SUITE_P(
    All, FreshNodeTest,
    testing::Values(
        Loosened{R"({"capabilities":{"add":["NET_ADMIN"]}})", "capabilities.add", "CAP_NET_ADMIN",
                 "capabilities"},
        Loosened{R"({"capabilities":{"add":["ALL"]}})", "capabilities.add", "CAP_", "capabilities"},
        Loosened{R"({"capabilities":{"add":["ALL"],"drop":["SYS_ADMIN"]}})", "capabilities.add",
                 "CAP_", "capabilities"},
        Loosened{R"({"seccomp":"unconfined"})", "seccomp", "unconfined", "seccomp"},
        Loosened{R"({"seccomp":"/etc/passwd"})", "seccomp", "/etc/passwd", "seccomp"},
        Loosened{R"({"apparmor":"unconfined"})", "apparmor", "unconfined", "apparmor"},
        Loosened{R"({"apparmor":"other"})", "apparmor", "other", "apparmor"},
        Loosened{R"({"no_new_privileges":false})", "no_new_privileges", "false", "new_privileges"},
        Loosened{R"({"devices":[{"path":"/dev/fuse"}]})", "devices", "/dev/fuse", "devices"},
        Loosened{R"({"mounts":[{"type":"bind","source":"/srv","target":"/s","read_only":true}]})",
                 "mounts", "/srv", "binds"},
        Loosened{R"({"rlimits":{"nofile":{"soft":1,"hard":1048577}}})", "rlimits.nofile", "1048577",
                 "rlimits.nofile"},
        Loosened{R"({"rlimits":{"memlock":{"soft":1,"hard":"unlimited"}}})", "rlimits.memlock",
                 "unlimited", "rlimits.memlock"},
        Loosened{R"({"rlimits":{"rtprio":{"soft":0,"hard":1}}})", "rlimits.rtprio", "1",
                 "rlimits.rtprio"},
        Loosened{R"({"rlimits":{"nice":{"soft":0,"hard":21}}})", "rlimits.nice", "21",
                 "rlimits.nice"},
        Loosened{R"({"oci":{"process":{"oomScoreAdj":0}}})", "oci", "/process/oomScoreAdj", "oci"},
        Loosened{R"({"oci":{"linux":null}})", "oci", "/linux", "oci"}));

TEST(PolicyTest, AFreshNodeLetsAJobTightenAndHaveWhatIsItsOwn) {
  EXPECT_EQ(refusal("{}", R"({"image":"oci:/i:t","capabilities":{"add":["CHOWN"],"drop":["ALL"]},
      "seccomp":"default","apparmor":"default","no_new_privileges":true,"user_namespace":"host",
      "mounts":[{"type":"tmpfs","target":"/tmp"}],"sysctls":{"net.core.somaxconn":"1"},
      "rlimits":{"nofile":{"soft":1,"hard":1048576},"core":{"soft":0,"hard":"unlimited"}},
      "resources":{"memory_mib":1048576,"swap_mib":8,"cpus":64,"pids":100000,"io":{"weight":10},
                   "hugetlb_mib":{"2MB":64}}})"),
            "");
  EXPECT_EQ(refusal("{}", "{}"), "");
}

TEST(PolicyTest, CapabilitiesAreAddedByTheirNames) {
  const std::string policy = R"({"capabilities":["NET_ADMIN","CAP_SYS_PTRACE"]})";
  EXPECT_EQ(refusal(policy, R"({"capabilities":{"add":["NET_ADMIN","SYS_PTRACE"]}})"), "");
  EXPECT_THAT(refusal(policy, R"({"capabilities":{"add":["NET_ADMIN","SYS_ADMIN"]}})"),
              HasSubstr("CAP_SYS_ADMIN is none that this node lets jobs add to the usual ones "
                        "(CAP_NET_ADMIN, CAP_SYS_PTRACE)"));
  EXPECT_NE(refusal(policy, R"({"capabilities":{"add":["ALL"]}})"), "");
}

TEST(PolicyTest, AllWithExceptionsNeedsWhatIsLeft) {
  std::string others;
  for (const std::string& name : every_capability()) {
    if (!is_usual_capability(name) && name != "CAP_SYS_PTRACE") {
      others += (others.empty() ? "\"" : ",\"") + name + "\"";
    }
  }
  const std::string but_one = R"({"capabilities":{"add":["ALL"],"drop":[)" + others + "]}}";
  EXPECT_THAT(refusal("{}", but_one), HasSubstr("CAP_SYS_PTRACE"));
  EXPECT_EQ(refusal(R"({"capabilities":["SYS_PTRACE"]})", but_one), "");
  EXPECT_EQ(refusal(R"({"capabilities":["ALL"]})", R"({"capabilities":{"add":["ALL"]}})"), "");
  EXPECT_EQ(refusal(R"({"capabilities":["ALL"]})", R"({"capabilities":{"add":["BPF"]}})"), "");
}

TEST(PolicyTest, ProfilesOfSeccompLieBelowAFolder) {
  const std::string policy = R"({"seccomp":["/etc/drover/seccomp/"]})";
  EXPECT_EQ(refusal(policy, R"({"seccomp":"/etc/drover/seccomp/a/b.json"})"), "");
  for (const char* profile :
       {"/etc/drover/seccomp", "/etc/drover/seccomps/a", "/etc/drover/a", "/etc/passwd"}) {
    EXPECT_THAT(refusal(policy, fmt::format(R"({{"seccomp":"{}"}})", profile)),
                HasSubstr("(/etc/drover/seccomp)"))
        << profile;
  }
  EXPECT_NE(refusal(policy, R"({"seccomp":"unconfined"})"), "");
  EXPECT_EQ(refusal(R"({"seccomp":["unconfined"]})", R"({"seccomp":"unconfined"})"), "");
  EXPECT_NE(refusal(R"({"seccomp":["unconfined"]})", R"({"seccomp":"/etc/drover/a"})"), "");
  // Reading takes none with ".."; the rule is not to rely on it.
  ContainerSpec spec;
  spec.security.seccomp = "/etc/drover/seccomp/../../passwd";
  EXPECT_FALSE(admit_policy(config_of(policy), spec, RuntimeKind::crun));
}

TEST(PolicyTest, PrivilegesMayBeGainedWhereTheNodeSaysSo) {
  EXPECT_EQ(refusal(R"({"new_privileges":true})", R"({"no_new_privileges":false})"), "");
}

TEST(PolicyTest, UsersOfTheNodeMayBeKeptOut) {
  const std::string policy = R"({"user_namespace":"auto"})";
  EXPECT_EQ(refusal(policy, R"({"user_namespace":"auto"})"), "");
  EXPECT_THAT(refusal(policy, R"({"user_namespace":"host"})"),
              HasSubstr("user_namespace: host is not allowed by this node"));
  EXPECT_NE(refusal(policy, "{}"), "");
  EXPECT_EQ(refusal(policy, "{}", RuntimeKind::pve_lxc), "");
}

TEST(PolicyTest, DevicesFitAPatternWithNoMoreThanItsPermissions) {
  const std::string policy =
      R"({"devices":[{"path":"/dev/fuse"},{"path":"/dev/dri/render*","permissions":"rw"},
                     {"path":"/dev/sd?","permissions":"r"},{"path":"/dev/sdb","permissions":"rw"},
                     {"path":"/dev/*/x"}]})";
  const auto device = [&](const std::string& path, const std::string& permissions) {
    return refusal(policy, fmt::format(R"({{"devices":[{{"path":"{}","permissions":"{}"}}]}})",
                                       path, permissions));
  };
  EXPECT_EQ(device("/dev/fuse", "rwm"), "");
  EXPECT_EQ(device("/dev//fuse", "r"), "");
  EXPECT_EQ(device("/dev/dri/renderD128", "rw"), "");
  EXPECT_THAT(device("/dev/dri/renderD128", "rwm"),
              HasSubstr("is allowed by this node with rw, not with rwm"));
  EXPECT_EQ(device("/dev/sdb", "w"), "");
  EXPECT_NE(device("/dev/sda", "w"), "");
  EXPECT_EQ(device("/dev/any/x", "w"), "");
  for (const char* path :
       {"/dev/fuse2", "/dev/fus", "/dev/dri/card0", "/dev/dri/render/x", "/dev/dri", "/dev/sdab",
        "/dev/shm/x", "/dev/mqueue/x", "/dev/a/b/x", "/srv/dev/fuse", "/dev"}) {
    EXPECT_THAT(device(path, "r"), HasSubstr("is none that this node lets jobs have")) << path;
  }
  ContainerSpec spec;
  spec.devices = {{"/dev/dri/render/../../sda", "/dev/x"}};
  EXPECT_FALSE(admit_policy(config_of(policy), spec, RuntimeKind::crun));
}

TEST(PolicyTest, SourcesOfBindMountsLieBelowAPrefix) {
  const std::string policy =
      R"({"binds":[{"source":"/data/"},{"source":"/srv","read_only":false}]})";
  const auto bind = [&](const std::string& source, bool read_only) {
    return refusal(
        policy,
        fmt::format(
            R"({{"mounts":[{{"type":"bind","source":"{}","target":"/t","read_only":{}}}]}})",
            source, read_only));
  };
  EXPECT_EQ(bind("/data", true), "");
  EXPECT_EQ(bind("/data/a", true), "");
  EXPECT_THAT(bind("/data/a", false), HasSubstr("with read_only only"));
  EXPECT_EQ(bind("/srv/a", false), "");
  for (const char* source : {"/database", "/dat", "/srv2", "/etc/shadow"}) {
    EXPECT_THAT(bind(source, true), HasSubstr("(/data, /srv)")) << source;
  }
}

TEST(PolicyTest, SysctlsMayBeFewer) {
  EXPECT_EQ(refusal(R"({"sysctls":["net.core.*"]})", R"({"sysctls":{"net.core.somaxconn":"1"}})"),
            "");
  EXPECT_THAT(refusal(R"({"sysctls":["net.core.*"]})", R"({"sysctls":{"kernel.sem":"1"}})"),
              HasSubstr("sysctls: kernel.sem is none of those this node allows (net.core.*)"));
  EXPECT_NE(refusal(R"({"sysctls":[]})", R"({"sysctls":{"kernel.sem":"1"}})"), "");
}

TEST(PolicyTest, SecretsMayBeFewer) {
  const std::string wish = R"({"secrets":[{"name":"web-key"},{"name":"db-key"}]})";
  EXPECT_EQ(refusal("{}", wish), "");
  EXPECT_THAT(refusal(R"({"secrets":["web-*"]})", wish),
              HasSubstr("secrets: db-key is none of those this node lets jobs use (web-*)"));
  EXPECT_NE(refusal(R"({"secrets":[]})", wish), "");
}

TEST(PolicyTest, LimitsOfProcessesHaveAMost) {
  const std::string policy = R"({"rlimits":{"nofile":4096,"memlock":"unlimited","core":0}})";
  const auto hard = [&](const char* name, const char* bound) {
    return refusal(policy,
                   fmt::format(R"({{"rlimits":{{"{}":{{"soft":0,"hard":{}}}}}}})", name, bound));
  };
  EXPECT_EQ(hard("nofile", "4096"), "");
  EXPECT_THAT(hard("nofile", "4097"), HasSubstr("rlimits.nofile.hard: 4097 is more than this node "
                                                "allows (4096)"));
  EXPECT_NE(hard("nofile", "\"unlimited\""), "");
  EXPECT_EQ(hard("memlock", "\"unlimited\""), "");
  EXPECT_EQ(hard("core", "0"), "");
  EXPECT_NE(hard("core", "1"), "");
  EXPECT_NE(hard("rtprio", "1"), "");  // as on a fresh node
}

TEST(PolicyTest, APatchChangesNoPlaceBesideItsPointers) {
  const std::string policy =
      R"({"oci":["/process/oomScoreAdj","/linux/resources/blockIO","/annotations/a~1b~0c"]})";
  const auto patch = [&](const std::string& oci) {
    return refusal(policy, R"({"oci":)" + oci + "}");
  };
  for (const char* allowed :
       {R"({"process":{"oomScoreAdj":1}})", R"({"process":{"oomScoreAdj":null}})",
        R"({"linux":{"resources":{"blockIO":{"weight":10}}}})",
        R"({"linux":{"resources":{"blockIO":{}}}})", R"({"annotations":{"a/b~c":"x"}})", "{}"}) {
    EXPECT_EQ(patch(allowed), "") << allowed;
  }
  for (const auto& [refused, place] : std::map<std::string, std::string>{
           {R"({"process":{"oomScoreAdj":1,"args":["sh"]}})", "/process/args"},
           {R"({"process":{}})", "/process"},
           {R"({"process":null})", "/process"},
           {R"({"process":[]})", "/process"},
           {R"({"process":{"oomScoreAdjust":1}})", "/process/oomScoreAdjust"},
           {R"({"linux":{"resources":null}})", "/linux/resources"},
           {R"({"linux":{"resources":{"blockIOx":1}}})", "/linux/resources/blockIOx"},
           {R"({"Process":{"oomScoreAdj":1}})", "/Process/oomScoreAdj"},
           {R"({"annotations":{"a":{"b~c":"x"}}})", "/annotations/a/b~0c"},
           {R"({"":{"process":1}})", "//process"}}) {
    EXPECT_THAT(patch(refused), HasSubstr("oci: " + place + " is none of the places")) << refused;
  }
}

TEST(PolicyTest, RuntimesMayBeFewer) {
  EXPECT_EQ(refusal(R"({"runtimes":["crun","lxc"]})", "{}", RuntimeKind::lxc), "");
  EXPECT_THAT(refusal(R"({"runtimes":["crun","lxc"]})", "{}", RuntimeKind::runc),
              HasSubstr("runtime: runc is none of those this node allows (crun, lxc)"));
}

TEST(PolicyTest, ImagesFitAPattern) {
  const std::string policy = R"({"images":["oci:/srv/images/*","rootfs:/srv/roots/*"]})";
  const auto image = [&](const std::string& name) {
    return refusal(policy, fmt::format(R"({{"image":"{}"}})", name));
  };
  EXPECT_EQ(image("oci:/srv/images/web:v1"), "");
  EXPECT_EQ(image("oci:/srv/images/web..2/a:v1"), "");
  EXPECT_EQ(refusal(policy, R"({"rootfs":"/srv/roots/a"})"), "");
  EXPECT_NE(refusal(policy, R"({"rootfs":"/srv/images/a"})"), "");
  for (const char* name :
       {"oci:/srv/imagesx:v1", "oci:/srv/images/../x:v1", "oci:/srv/images/x/..:v1",
        "oci:/srv/images/..", "local:vztmpl/x.tar.zst", "container:web-1"}) {
    EXPECT_THAT(image(name), HasSubstr("its admin may change policy.images")) << name;
  }
  EXPECT_FALSE(admit_image_name(config_of(policy).policy, "local:vztmpl/x.tar.zst"));
}

TEST(PolicyTest, LimitsOfAContainerHaveAMost) {
  const std::string policy = R"({"memory_mib":512,"swap_mib":64,"cpus":1.5,"pids":100})";
  const auto limits = [&](const std::string& resources) {
    return refusal(policy, R"({"resources":)" + resources + "}");
  };
  EXPECT_EQ(limits(R"({"memory_mib":512,"swap_mib":64,"cpus":1.5,"pids":100})"), "");
  EXPECT_THAT(limits(R"({"memory_mib":513,"cpus":1,"pids":1})"),
              HasSubstr("resources.memory_mib: 513 is more than this node allows (512)"));
  EXPECT_THAT(limits(R"({"memory_mib":32,"swap_mib":65,"cpus":1,"pids":1})"),
              HasSubstr("swap_mib"));
  EXPECT_THAT(limits(R"({"memory_mib":32,"cpus":1.6,"pids":1})"), HasSubstr("1.6 is more"));
  EXPECT_THAT(limits(R"({"memory_mib":32,"cpus":1,"pids":101})"), HasSubstr("resources.pids: 101"));
  // What has no bound has more than any.
  EXPECT_THAT(limits(R"({"cpus":1,"pids":1})"), HasSubstr("resources.memory_mib: none is given"));
  EXPECT_THAT(limits(R"({"memory_mib":32,"pids":1})"), HasSubstr("resources.cpus: none is given"));
  EXPECT_THAT(limits(R"({"memory_mib":32,"cpus":1})"), HasSubstr("resources.pids: 4096"));
  EXPECT_EQ(refusal(policy, R"({"resources":{"memory_mib":32,"cpus":1}})", RuntimeKind::pve_lxc),
            "");
}

TEST(PolicyTest, AChangeOfLimitsIsHeldAgainstWhatItNamesOnly) {
  const PolicyConfig policy = config_of(R"({"memory_mib":512,"cpus":1.5})").policy;
  Resources wish;
  EXPECT_TRUE(admit_changed_limits(policy, wish));
  wish.memory_mib = 512;
  EXPECT_TRUE(admit_changed_limits(policy, wish));
  wish.memory_mib = 513;
  EXPECT_FALSE(admit_changed_limits(policy, wish));
}

TEST(PolicyTest, DisksAndHugePagesMayBeKeptFromJobs) {
  EXPECT_THAT(refusal(R"({"io":false})", R"({"resources":{"io":{"weight":10}}})"),
              HasSubstr("policy.io"));
  EXPECT_THAT(refusal(R"({"hugetlb":false})", R"({"resources":{"hugetlb_mib":{"2MB":2}}})"),
              HasSubstr("policy.hugetlb"));
}

TEST(PolicyTest, WhatIsNoDeviceIsFoundWhenItIsUsed) {
  const Config config = config_of(R"({"devices":[{"path":"/dev/*"}]})");
  const auto now = [&](const std::string& path) {
    ContainerSpec spec;
    spec.devices = {{path, path}};
    const Result<> admitted = admit_as_it_is_now(config, spec, RuntimeKind::crun);
    return admitted ? "" : admitted.error().message;
  };
  EXPECT_EQ(now("/dev/null"), "");
  EXPECT_THAT(now("/dev/shm"), HasSubstr("is no device"));
  EXPECT_THAT(now("/dev/fd"), HasSubstr("a link on the way leads out of /dev"));
  EXPECT_NE(now("/dev/not-there"), "");
  EXPECT_NE(now("/dev"), "");
}

}  // namespace
}  // namespace drover::jobs
