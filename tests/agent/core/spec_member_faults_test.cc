// What is wrong in the members of a spec that spec_members_test.cc reads: every fault is told at
// its pointer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/container_spec.h"

namespace drover {
namespace {

using testing::HasSubstr;

struct WrongMember {
  const char* text;
  const char* pointer;
  const char* part;
};

class SpecMemberFaultTest : public testing::TestWithParam<WrongMember> {};

TEST_P(SpecMemberFaultTest, IsTheOnlyOneAndPointsThere) {
  const std::string text = GetParam().text;
  Faults found(text);
  read_container_spec(json::parse(text).value(), "/spec", found);
  const std::vector<Fault> faults = found.take();
  ASSERT_EQ(faults.size(), 1U) << GetParam().text << faults.back().pointer;
  EXPECT_EQ(faults[0].pointer, GetParam().pointer);
  EXPECT_THAT(faults[0].message, HasSubstr(GetParam().part));
}

INSTANTIATE_TEST_SUITE_P(
    Mounts, SpecMemberFaultTest,
    testing::Values(
        WrongMember{R"({"mounts":[{"target":"/a"}]})", "/spec/mounts/0/type", "missing"},
        WrongMember{R"({"mounts":[{"type":"","target":"/a"}]})", "/spec/mounts/0/type", "bind"},
        WrongMember{R"({"mounts":[{"type":"none","target":"/a"}]})", "/spec/mounts/0/type", "bind"},
        WrongMember{R"({"mounts":[{"type":"volume","target":"/a"}]})", "/spec/mounts/0/type",
                    "bind"},
        WrongMember{R"({"mounts":[{"type":"tmpfs"}]})", "/spec/mounts/0/target", "missing"},
        WrongMember{R"({"mounts":[{"type":"tmpfs","target":""}]})", "/spec/mounts/0/target",
                    "empty"},
        WrongMember{R"({"mounts":[{"type":"tmpfs","target":"/./"}]})", "/spec/mounts/0/target",
                    "root"},
        WrongMember{R"({"mounts":[{"type":"tmpfs","target":"a"}]})", "/spec/mounts/0/target",
                    "absolute"},
        WrongMember{R"({"mounts":[{"type":"tmpfs","target":"/a/../b"}]})", "/spec/mounts/0/target",
                    ".."},
        WrongMember{R"({"mounts":[{"type":"tmpfs","target":"/a","size_mib":0}]})",
                    "/spec/mounts/0/size_mib", "1 to"},
        WrongMember{R"({"mounts":[{"type":"tmpfs","target":"/a","mode":"1888"}]})",
                    "/spec/mounts/0/mode", "octal"},
        WrongMember{R"({"mounts":[{"type":"tmpfs","target":"/a","mode":"0"}]})",
                    "/spec/mounts/0/mode", "octal"},
        WrongMember{R"({"mounts":[{"type":"tmpfs","target":"/a","source":"/b"}]})",
                    "/spec/mounts/0/source", "bind only"},
        WrongMember{R"({"mounts":[{"type":"tmpfs","target":"/a","read_only":true}]})",
                    "/spec/mounts/0/read_only", "bind only"},
        WrongMember{R"({"mounts":[{"type":"bind","target":"/a"}]})", "/spec/mounts/0/source",
                    "missing"},
        WrongMember{R"({"mounts":[{"type":"bind","target":"/a","source":"/"}]})",
                    "/spec/mounts/0/source", "root"},
        WrongMember{R"({"mounts":[{"type":"bind","target":"/a","source":"/b","mode":"700"}]})",
                    "/spec/mounts/0/mode", "tmpfs only"},
        WrongMember{R"({"mounts":[{"type":"tmpfs","target":"/a"},{"type":"tmpfs","target":"/a"}]})",
                    "/spec/mounts", "twice"},
        WrongMember{R"({"volumes":[{"name":"a","target":"/a"}],
                        "mounts":[{"type":"tmpfs","target":"/a"}]})",
                    "/spec/mounts", "volume"}));

INSTANTIATE_TEST_SUITE_P(
    Limits, SpecMemberFaultTest,
    testing::Values(
        WrongMember{R"({"args":"-v"})", "/spec/args", "array"},
        WrongMember{R"({"args":["\u0000"]})", "/spec/args", "NUL"},
        WrongMember{R"({"resources":{"swap_mib":0}})", "/spec/resources/swap_mib", "1 to"},
        WrongMember{R"({"resources":{"cpuset":"0-"}})", "/spec/resources/cpuset", "0-1,3"},
        WrongMember{R"({"resources":{"cpuset":"3-1"}})", "/spec/resources/cpuset", "0-1,3"},
        WrongMember{R"({"resources":{"cpuset":"1,"}})", "/spec/resources/cpuset", "0-1,3"},
        WrongMember{R"({"resources":{"cpuset":"1 2"}})", "/spec/resources/cpuset", "0-1,3"},
        WrongMember{R"({"resources":{"cpuset":"-1"}})", "/spec/resources/cpuset", "0-1,3"},
        WrongMember{R"({"resources":{"cpuset":"99999999999"}})", "/spec/resources/cpuset", "0-1,3"},
        WrongMember{R"({"resources":{"cpu_shares":1}})", "/spec/resources/cpu_shares", "2 to"},
        WrongMember{R"({"resources":{"io":{"weight":9}}})", "/spec/resources/io/weight", "10 to"},
        WrongMember{R"({"resources":{"io":{"devices":[{"read_bps":1}]}}})",
                    "/spec/resources/io/devices/0/path", "missing"},
        WrongMember{R"({"resources":{"io":{"devices":[{"path":"/dev/sda"}]}}})",
                    "/spec/resources/io/devices/0/path", "read_bps"},
        WrongMember{R"({"resources":{"io":{"devices":[{"path":"sda","read_bps":1}]}}})",
                    "/spec/resources/io/devices/0/path", "absolute"},
        WrongMember{R"({"resources":{"io":{"devices":[{"path":"/d","read_bps":1},
                                                      {"path":"/d","read_iops":1}]}}})",
                    "/spec/resources/io/devices", "twice"},
        WrongMember{R"({"resources":{"hugetlb_mib":{"3MB":1}}})", "/spec/resources/hugetlb_mib/3MB",
                    "unknown"},
        WrongMember{R"({"resources":{"hugetlb_mib":{"2MB":0}}})", "/spec/resources/hugetlb_mib/2MB",
                    "1 to"},
        WrongMember{R"({"rlimits":{"files":{"soft":1,"hard":1}}})", "/spec/rlimits/files",
                    "unknown"},
        WrongMember{R"({"rlimits":{"nofile":1}})", "/spec/rlimits/nofile", "an object"},
        WrongMember{R"({"rlimits":{"nofile":{"soft":1}}})", "/spec/rlimits/nofile/hard", "missing"},
        WrongMember{R"({"rlimits":{"nofile":{"soft":2,"hard":1}}})", "/spec/rlimits/nofile/soft",
                    "above"},
        WrongMember{R"({"rlimits":{"nofile":{"soft":-1,"hard":1}}})", "/spec/rlimits/nofile/soft",
                    "unlimited"},
        WrongMember{R"({"rlimits":{"nofile":{"soft":1,"hard":"none"}}})",
                    "/spec/rlimits/nofile/hard", "unlimited"},
        WrongMember{R"({"log":{"driver":"syslog"}})", "/spec/log/driver", "journald"},
        WrongMember{R"({"log":{"max_files":1}})", "/spec/log/max_files", "2 to"},
        WrongMember{R"({"log":{"driver":"journald","max_files":2}})", "/spec/log/max_files",
                    "file only"}));

INSTANTIATE_TEST_SUITE_P(
    Secrets, SpecMemberFaultTest,
    testing::Values(
        WrongMember{R"({"secrets":[{}]})", "/spec/secrets/0/name", "missing"},
        WrongMember{R"({"secrets":[{"name":"../passwd"}]})", "/spec/secrets/0/name", "letters"},
        WrongMember{R"({"secrets":[{"name":".key"}]})", "/spec/secrets/0/name", "the first"},
        WrongMember{R"({"secrets":[{"name":"a","target":"key"}]})", "/spec/secrets/0/target",
                    "absolute"},
        WrongMember{R"({"secrets":[{"name":"a","uid":-1}]})", "/spec/secrets/0/uid", "0 to"},
        WrongMember{R"({"secrets":[{"name":"a","mode":"644"}]})", "/spec/secrets/0/mode",
                    "4 and 0"},
        WrongMember{R"({"secrets":[{"name":"a","value":"x"}]})", "/spec/secrets/0/value",
                    "unknown"},
        WrongMember{R"({"secrets":[{"name":"a"},{"name":"a","uid":7}]})", "/spec/secrets", "twice"},
        WrongMember{R"({"secrets":[{"name":"a","target":"/d"}],
                        "mounts":[{"type":"tmpfs","target":"/d"}]})",
                    "/spec/secrets", "twice"}));

INSTANTIATE_TEST_SUITE_P(
    Confinement, SpecMemberFaultTest,
    testing::Values(
        WrongMember{R"({"sysctls":{"kernel.panic":"1"}})", "/spec/sysctls", "kernel.panic"},
        WrongMember{R"({"sysctls":{"net.core.somaxconn":"1\n2"}})", "/spec/sysctls", "one line"},
        WrongMember{R"({"sysctls":{"net.core.somaxconn":1}})", "/spec/sysctls/net.core.somaxconn",
                    "a string"},
        WrongMember{R"({"devices":[{}]})", "/spec/devices/0/path", "missing"},
        WrongMember{R"({"devices":[{"path":"/dev/a","target":"/"}]})", "/spec/devices/0/target",
                    "root"},
        WrongMember{R"({"devices":[{"path":"/dev/a","permissions":""}]})",
                    "/spec/devices/0/permissions", "at most once"},
        WrongMember{R"({"devices":[{"path":"/dev/a","permissions":"rr"}]})",
                    "/spec/devices/0/permissions", "at most once"},
        WrongMember{R"({"devices":[{"path":"/dev/a","permissions":"rx"}]})",
                    "/spec/devices/0/permissions", "at most once"},
        WrongMember{R"({"devices":[{"path":"/dev/a"},{"path":"/dev/b","target":"/dev/a"}]})",
                    "/spec/devices", "twice"},
        WrongMember{R"({"capabilities":{"add":["NET_ADMIM"]}})", "/spec/capabilities/add",
                    "NET_ADMIM"},
        WrongMember{R"({"capabilities":{"drop":["net_admin"]}})", "/spec/capabilities/drop",
                    "net_admin"},
        WrongMember{R"({"capabilities":{"add":["CAP_ALL"]}})", "/spec/capabilities/add", "CAP_ALL"},
        WrongMember{R"({"capabilities":{"add":["KILL"],"drop":["CAP_KILL"]}})",
                    "/spec/capabilities/add", "CAP_KILL"},
        WrongMember{R"({"capabilities":["KILL"]})", "/spec/capabilities", "an object"},
        WrongMember{R"({"seccomp":"profile.json"})", "/spec/seccomp", "absolute"},
        WrongMember{R"({"seccomp":"/a/.."})", "/spec/seccomp", ".."},
        WrongMember{R"({"seccomp":"/a\nb"})", "/spec/seccomp", "absolute"},
        WrongMember{R"({"apparmor":"a b"})", "/spec/apparmor", "letters"},
        WrongMember{R"({"no_new_privileges":"no"})", "/spec/no_new_privileges", "true or false"},
        WrongMember{R"({"user_namespace":true})", "/spec/user_namespace", "a string"},
        WrongMember{R"({"user_namespace":"private"})", "/spec/user_namespace", "auto, host"},
        WrongMember{R"({"annotations":{"":"a"}})", "/spec/annotations", "1 to"},
        WrongMember{R"({"annotations":{"org.drover.job":"a"}})", "/spec/annotations", "own"},
        WrongMember{R"({"annotations":{"a":"\u0000"}})", "/spec/annotations", "NUL"},
        WrongMember{R"({"oci":[]})", "/spec/oci", "merge patch"},
        WrongMember{R"({"oci":null})", "/spec/oci", "merge patch"}));

}  // namespace
}  // namespace drover
