// What a job chooses beyond the usual, as the runtime's config.json has it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>

#include "fakes/temp_folder.h"
#include "oci_schema.h"
#include "runtimes/oci/bundle.h"
#include "runtimes/oci/capability_set.h"
#include "runtimes/oci/oci_runtime.h"

namespace drover::runtimes {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class ChosenConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(rootfs_ / "etc");
    container_.rootfs = rootfs_;
    container_.spec.rootfs = "/srv/root";
    container_.spec.command = {"serve"};
    ASSERT_EQ(mknod(disk_.c_str(), S_IFBLK | 0640, makedev(7, 250)), 0);
  }
  json::Value made() const {
    const auto spec = make_spec(container_, options_);
    EXPECT_TRUE(spec) << to_text(spec.error());
    EXPECT_EQ(spec ? schema_faults(spec->document()) : "", "");
    return spec ? spec->document() : json::Value();
  }
  json::Value process() const { return made().at("process"); }
  json::Value linux_part() const { return made().at("linux"); }
  json::Value resources() const { return linux_part().at("resources"); }
  /// The error's text; its code must be `refused`.
  std::string refusal(RuntimeKind kind = RuntimeKind::runc) const {
    OciOptions options;
    options.kind = kind;
    const auto accepted = OciRuntime(Layout(), options).accepts(container_.spec);
    EXPECT_FALSE(accepted);
    EXPECT_EQ(accepted ? Code::broken : accepted.error().code, Code::refused);
    return accepted ? "" : accepted.error().message;
  }

  fakes::TempFolder folder_;
  const Path rootfs_ = folder_ / "rootfs";
  const Path disk_ = folder_ / "disk";
  Container container_{ContainerName::parse("web-1").value(),
                       JobId::parse("job-1").value(),
                       RuntimeKind::runc,
                       {},
                       {},
                       {},
                       {},
                       {},
                       std::nullopt};
  BundleOptions options_;
};

TEST_F(ChosenConfigTest, ArgumentsStandBehindTheCommandOrTheEntrypoint) {
  container_.image.entrypoint = {"entry"};
  container_.image.command = {"usual"};
  container_.spec.args = {"--port", "80"};
  EXPECT_EQ(process().at("args"), json::Value(json::Array{"serve", "--port", "80"}));
  container_.spec.command = {};
  EXPECT_EQ(process().at("args"), json::Value(json::Array{"entry", "--port", "80"}));
  container_.image.entrypoint = {};
  EXPECT_EQ(process().at("args"), json::Value(json::Array{"--port", "80"}));
}

TEST(BoundingCapabilities, AreTheUsualWithAndWithout) {
  const auto of = [](std::vector<std::string> add, std::vector<std::string> drop) {
    SecuritySpec security;
    security.capabilities_add = std::move(add);
    security.capabilities_drop = std::move(drop);
    return bounding_capabilities(security);
  };
  EXPECT_EQ(of({}, {}).size(), 11U);
  EXPECT_THAT(of({"CAP_NET_ADMIN"}, {}), Contains("CAP_NET_ADMIN"));
  EXPECT_EQ(of({"CAP_CHOWN"}, {}).size(), 11U) << "which is among the usual";
  EXPECT_THAT(of({}, {"CAP_CHOWN"}), testing::Not(Contains("CAP_CHOWN")));
  EXPECT_EQ(of({"ALL"}, {}).size(), 41U);
  EXPECT_EQ(of({"ALL"}, {"CAP_SYS_ADMIN", "CAP_BPF"}).size(), 39U);
  EXPECT_THAT(of({}, {"ALL"}), testing::IsEmpty());
  EXPECT_THAT(of({"CAP_KILL", "CAP_BPF"}, {"ALL"}), ElementsAre("CAP_KILL", "CAP_BPF"));
}

TEST_F(ChosenConfigTest, AUserWhoIsNotRootHoldsWhatTheJobAdds) {
  container_.spec.security.capabilities_add = {"CAP_NET_ADMIN"};
  const json::Value added = json::Array{"CAP_NET_ADMIN"};
  json::Value sets = process().at("capabilities");
  EXPECT_EQ(sets.at("effective"), sets.at("bounding"));
  EXPECT_EQ(sets.at("ambient"), json::Value(json::Array()));
  container_.spec.user = "33:34";
  sets = process().at("capabilities");
  EXPECT_EQ(sets.at("bounding").array()->size(), 12U);
  for (const char* set : {"effective", "permitted", "inheritable", "ambient"}) {
    EXPECT_EQ(sets.at(set), added) << set;
  }
  // And so does a program that is run inside, as whichever user.
  const Spec spec = make_spec(container_, options_).value();
  EXPECT_EQ(make_exec_process(spec, container_, {{"ls"}, {}, "", "5:5"})->at("capabilities"), sets);
  EXPECT_EQ(make_exec_process(spec, container_, {{"ls"}, {}, "", "0:0"})
                ->at("capabilities")
                .at("effective"),
            sets.at("bounding"));
}

TEST_F(ChosenConfigTest, ProcessLimitsAndSettingsOfTheKernel) {
  EXPECT_THAT(json::write(process().at("rlimits")),
              testing::StartsWith(R"([{"type":"RLIMIT_NOFILE")"));
  EXPECT_THAT(json::write(process().at("rlimits")), HasSubstr(R"("soft":1024)"));
  container_.spec.rlimits = {{"core", {0, ProcessLimit::kNone}}, {"nofile", {7, 8}}};
  EXPECT_EQ(json::write(process().at("rlimits")),
            R"([{"type":"RLIMIT_CORE","hard":18446744073709551615,"soft":0},)"
            R"({"type":"RLIMIT_NOFILE","hard":8,"soft":7}])");
  container_.spec.sysctls = {{"net.core.somaxconn", "77"}, {"net.ipv4.ping_group_range", "1 0"}};
  EXPECT_EQ(linux_part().at("sysctl").at("net.core.somaxconn"), json::Value("77"));
  EXPECT_EQ(linux_part().at("sysctl").at("net.ipv4.ping_group_range"), json::Value("1 0"));
}

TEST_F(ChosenConfigTest, DevicesAreTheNodesByTheirNumbers) {
  std::filesystem::create_symlink(disk_, folder_ / "link");
  container_.spec.devices = {{"/dev/null", "/dev/thing", "r"},
                             {folder_ / "link", "/dev/data", "rwm"}};
  const json::Value document = linux_part();
  const json::Array& devices = *document.at("devices").array();
  EXPECT_EQ(devices.at(1), json::Value(json::Object{{"path", "/dev/data"},
                                                    {"type", "b"},
                                                    {"major", 7},
                                                    {"minor", 250},
                                                    {"fileMode", devices.at(1).at("fileMode")},
                                                    {"uid", 0},
                                                    {"gid", 0}}));
  EXPECT_EQ(devices.at(0).at("type"), json::Value("c"));
  const json::Array& rules = *document.at("resources").at("devices").array();
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_EQ(rules.at(0).at("allow"), json::Value(false)) << "all others stay forbidden";
  EXPECT_EQ(json::write(rules.at(1)),
            R"({"allow":true,"type":"c","major":1,"minor":3,"access":"r"})");
  EXPECT_EQ(json::write(rules.at(2)),
            R"({"allow":true,"type":"b","major":7,"minor":250,"access":"rwm"})");
}

TEST_F(ChosenConfigTest, WhatIsNoDeviceOrStandsOverTheKernelsFilesIsRefused) {
  container_.spec.devices = {{folder_.path(), "/dev/thing", "rwm"}};
  EXPECT_THAT(refusal(), HasSubstr("devices"));
  EXPECT_EQ(make_spec(container_, options_).error().code, Code::refused);
  container_.spec.devices = {{folder_ / "none", "/dev/thing", "rwm"}};
  EXPECT_EQ(make_spec(container_, options_).error().code, Code::not_found);
  for (const char* target : {"/proc/x", "/sys/x", "/dev", "/", "/dev/pts/0", "/dev/../proc/x",
                             "/srv/null", "/dev/../srv/null", "/device"}) {
    container_.spec.devices = {{"/dev/null", target, "rwm"}};
    EXPECT_THAT(refusal(), HasSubstr("devices")) << target;
  }
}

TEST_F(ChosenConfigTest, PrivilegesAndTheProfileOfAppArmor) {
  EXPECT_EQ(process().at("noNewPrivileges"), json::Value(true));
  EXPECT_EQ(process().find("apparmorProfile"), nullptr);
  container_.spec.security.no_new_privileges = false;
  container_.spec.security.apparmor = "web";
  EXPECT_EQ(process().at("noNewPrivileges"), json::Value(false));
  options_.apparmor = true;
  EXPECT_EQ(process().at("apparmorProfile"), json::Value("web"));
  container_.spec.security.apparmor = "unconfined";
  EXPECT_EQ(process().at("apparmorProfile"), json::Value("unconfined"));
  // runc does not start a container with any word of it where the kernel has none.
  options_.apparmor = false;
  EXPECT_EQ(process().find("apparmorProfile"), nullptr);
}

TEST_F(ChosenConfigTest, AnnotationsAreThereBesideTheStampsButSteerNoRuntime) {
  container_.spec.annotations = {{"com.example.owner", "web"}};
  EXPECT_EQ(json::write(made().at("annotations")),
            R"({"com.example.owner":"web","org.drover.name":"web-1","org.drover.job":"job-1"})");
  for (const char* name :
       {"run.oci.hooks.stdout", "run.oci.seccomp_bpf_data", "org.systemd.property.DevicePolicy",
        "org.criu.config", "org.criu.config=/x", "bundle", "bundle=/x",
        "io.kubernetes.cri.container-type"}) {
    container_.spec.annotations = {{name, "x"}};
    EXPECT_THAT(refusal(), HasSubstr(name));
  }
}

TEST_F(ChosenConfigTest, LimitsOfSwapCpusAndHugePages) {
  container_.spec.resources = {8, 0.5, 7};
  container_.spec.resources.swap_mib = 4;
  container_.spec.resources.cpuset = "0";
  container_.spec.resources.cpu_shares = 512;
  container_.spec.resources.hugetlb_mib = {{"2MB", 64}};
  if (can_limit_swap()) {
    EXPECT_EQ(resources().at("memory").at("swap"), json::Value(12 << 20)) << "with memory";
  }
  EXPECT_EQ(resources().at("cpu"),
            json::Value(json::Object{
                {"period", 100'000}, {"quota", 50'000}, {"shares", 512}, {"cpus", "0"}}));
  EXPECT_EQ(json::write(resources().at("hugepageLimits")),
            R"([{"pageSize":"2MB","limit":67108864}])");
  container_.spec.resources.memory_mib = 0;
  EXPECT_THAT(refusal(), HasSubstr("resources.swap_mib"));
}

TEST_F(ChosenConfigTest, RatesAreOfDisksByTheirNumbers) {
  container_.spec.resources.io = {100, {{disk_, 1024, 0, 0, 7}}};
  EXPECT_EQ(json::write(resources().at("blockIO")),
            R"({"weight":100,"throttleReadBpsDevice":[{"major":7,"minor":250,"rate":1024}],)"
            R"("throttleWriteIOPSDevice":[{"major":7,"minor":250,"rate":7}]})");
  container_.spec.resources.io = {0, {{"/dev/null", 1024, 0, 0, 0}}};
  EXPECT_THAT(refusal(), HasSubstr("resources.io.devices"));
}

TEST_F(ChosenConfigTest, TheFilterIsTheJobsElseTheNodes) {
  const auto profile = [&](const char* name, const char* action) {
    std::ofstream(folder_ / name) << R"({"defaultAction":")" << action << "\"}";
    return (folder_ / name).native();
  };
  EXPECT_EQ(linux_part().find("seccomp"), nullptr) << "the runtimes name the default one";
  options_.seccomp_profile = profile("node", "SCMP_ACT_LOG");
  EXPECT_EQ(linux_part().at("seccomp").at("defaultAction"), json::Value("SCMP_ACT_LOG"));
  container_.spec.security.seccomp = profile("job", "SCMP_ACT_ALLOW");
  EXPECT_EQ(linux_part().at("seccomp").at("defaultAction"), json::Value("SCMP_ACT_ALLOW"));
  container_.spec.security.seccomp = "unconfined";
  EXPECT_EQ(linux_part().find("seccomp"), nullptr);
  container_.spec.security.seccomp = folder_ / "none";
  const auto accepted = OciRuntime(Layout(), OciOptions()).accepts(container_.spec);
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, Code::not_found);
  EXPECT_THAT(accepted.error().message, HasSubstr("seccomp"));
}

TEST_F(ChosenConfigTest, TheDefaultFilterFollowsTheCapabilities) {
  options_.seccomp_profile = "/usr/share/containers/seccomp.json";
  const auto allows_bpf = [&] {
    const std::string filter = json::write(linux_part().at("seccomp"));
    const std::size_t at = filter.find("\"bpf\"");
    return filter.substr(filter.find("\"action\"", at)).starts_with(R"("action":"SCMP_ACT_ALLOW")");
  };
  EXPECT_FALSE(allows_bpf());
  container_.spec.security.capabilities_add = {"CAP_SYS_ADMIN"};
  EXPECT_TRUE(allows_bpf());
}

TEST_F(ChosenConfigTest, MemoryIsMountedWithoutDevicesSetuidAndPrograms) {
  container_.mounts = {{"/srv/a", "/cache/deep/down", false}, {"/srv/b", "/data", false}};
  container_.spec.mounts = {{MountSpec::Kind::tmpfs, "/cache", "", false, 8, "700"}};
  const json::Value document = made();
  const json::Array& mounts = *document.at("mounts").array();
  ASSERT_GT(mounts.size(), 3U);
  const auto target = [&](std::size_t from_behind) {
    return std::string(mounts.at(mounts.size() - from_behind).at("destination").string_or(""));
  };
  EXPECT_EQ(target(1), "/cache/deep/down") << "or the memory would cover it";
  EXPECT_EQ(target(3), "/data");
  EXPECT_EQ(json::write(mounts.at(mounts.size() - 2)),
            R"({"destination":"/cache","type":"tmpfs","source":"tmpfs",)"
            R"("options":["nosuid","nodev","noexec","mode=700","size=8m"]})");
}

TEST_F(ChosenConfigTest, APatchHasTheLastWordButNotOnTheStamps) {
  container_.spec.oci =
      *json::parse(R"({"process":{"oomScoreAdj":100},"linux":{"readonlyPaths":null}})")
           .value()
           .object();
  EXPECT_EQ(process().at("oomScoreAdj"), json::Value(100));
  EXPECT_EQ(linux_part().find("readonlyPaths"), nullptr);
  EXPECT_EQ(made().at("annotations").at("org.drover.job"), json::Value("job-1"));
  container_.spec.oci = *json::parse(R"({"hooks":{}})").value().object();
  EXPECT_THAT(refusal(), HasSubstr("hooks"));
}

}  // namespace
}  // namespace drover::runtimes
