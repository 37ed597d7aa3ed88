// What LXC is told of an OCI configuration, and which keys of a control group its limits are on
// both versions.
#include "runtimes/lxc/lxc_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "agent/core/process_limits.h"
#include "fakes/temp_folder.h"
#include "runtimes/lxc/lxc_limits.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/lxc/system_init.h"
#include "runtimes/oci/limits.h"

namespace drover::runtimes {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

Container container_of_test() {
  return {*ContainerName::parse("web"),
          *JobId::parse("job-1"),
          RuntimeKind::lxc,
          {},
          {},
          "/root-of-web",
          {},
          "/run/netns/web",
          {}};
}

std::string config_of(const std::function<void(Spec&)>& change) {
  Spec spec;
  spec.set_args({"serve"});
  spec.set_cwd("/");
  spec.set_hostname("web");
  change(spec);
  const auto text =
      make_lxc_config(container_of_test(), spec, "/usr/lib/drover/drover-lxc", "/state/web");
  EXPECT_TRUE(text) << to_text(text.error());
  return text.value_or("");
}

std::string group_key(const std::string& key) {
  return (has_unified_cgroups() ? "\nlxc.cgroup2." : "\nlxc.cgroup.") + key;
}

TEST(LxcConfigTest, UsersOfItsOwnAreThoseOfThePinnedNamespace) {
  EXPECT_THAT(config_of([](Spec&) {}), Not(HasSubstr("lxc.idmap")));
  Container container = container_of_test();
  container.users = 2147483648;
  container.user_namespace = "/run/drover/user-namespaces/web.2147483648";
  container.rootfs = "/run/drover/views/web/rootfs";
  Spec spec;
  spec.set_args({"serve"});
  spec.set_cwd("/");
  const auto text = make_lxc_config(container, spec, "/usr/lib/drover/drover-lxc", "/state/web");
  ASSERT_TRUE(text) << to_text(text.error());
  EXPECT_THAT(*text, AllOf(HasSubstr("\nlxc.idmap = u 0 2147483648 65536\n"),
                           HasSubstr("\nlxc.idmap = g 0 2147483648 65536\n"),
                           HasSubstr("\nlxc.namespace.share.user = /run/drover/user-namespaces/"),
                           HasSubstr("--prepare /run/drover/views/web/hook\n"),
                           HasSubstr("--ended /state/web\n")));
}

TEST(LxcConfigTest, ProcessesHaveTheirLimitsAndPrivileges) {
  const std::string text = config_of([](Spec& spec) {
    spec.set({"process", "rlimits"},
             json::Array{json::Object{{"type", "RLIMIT_NOFILE"}, {"soft", 1024}, {"hard", 4096}},
                         json::Object{
                             {"type", "RLIMIT_CORE"}, {"soft", 0}, {"hard", ProcessLimit::kNone}}});
    spec.set({"process", "noNewPrivileges"}, false);
    spec.set({"process", "oomScoreAdj"}, 300);
    spec.set({"process", "apparmorProfile"}, "drover-web");
    spec.set({"process", "capabilities", "bounding"}, json::Array{"CAP_KILL", "CAP_NET_ADMIN"});
  });
  EXPECT_THAT(text, AllOf(HasSubstr("\nlxc.prlimit.nofile = 1024:4096\n"),
                          HasSubstr("\nlxc.prlimit.core = 0:unlimited\n"),
                          HasSubstr("\nlxc.no_new_privs = 0\n"),
                          HasSubstr("\nlxc.proc.oom_score_adj = 300\n"),
                          HasSubstr("\nlxc.apparmor.profile = drover-web\n"),
                          HasSubstr("\nlxc.cap.keep = kill net_admin\n")));
}

TEST(LxcConfigTest, WhatNobodyChoosesIsConfinedAsLxcDoes) {
  const std::string text = config_of([](Spec& /*spec*/) {});
  EXPECT_THAT(
      text,
      AllOf(HasSubstr("\nlxc.no_new_privs = 1\n"),
            HasSubstr("\nlxc.apparmor.profile = generated\n"), HasSubstr("\nlxc.cap.keep = none\n"),
            HasSubstr(group_key("devices.deny = a\n")), Not(HasSubstr("devices.allow = b 7:"))));
}

TEST(LxcConfigTest, CapabilitiesOfAUserWhoIsNotRootAreRefusedByName) {
  Spec spec;
  spec.set({"process", "capabilities", "ambient"}, json::Array{"CAP_NET_RAW"});
  const auto text = make_lxc_config(container_of_test(), spec, "/usr/lib/drover/drover-lxc", "/x");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::refused);
  EXPECT_THAT(text.error().message, HasSubstr("capabilities"));
  ContainerSpec wish;
  wish.rootfs = "/srv/root";
  wish.security.capabilities_add = {"CAP_NET_RAW"};
  const LxcRuntime runtime(Layout{}, LxcOptions{});
  EXPECT_TRUE(runtime.accepts(wish));
  wish.user = "33:34";
  EXPECT_THAT(runtime.accepts(wish).error().message, HasSubstr("capabilities"));
}

TEST(LxcConfigTest, DevicesAreAllowedBehindTheUsualOnes) {
  const std::string text = config_of([](Spec& spec) {
    spec.set({"linux", "resources", "devices"},
             json::Array{
                 json::Object{{"allow", false}, {"access", "rwm"}},
                 json::Object{
                     {"allow", true}, {"type", "b"}, {"major", 7}, {"minor", 3}, {"access", "r"}},
                 json::Object{{"allow", true}, {"type", "c"}, {"major", 10}}});
  });
  const std::size_t usual = text.find(group_key("devices.allow = c 1:3 rwm\n"));
  const std::size_t own = text.find(group_key("devices.allow = b 7:3 r\n"));
  ASSERT_NE(usual, std::string::npos);
  ASSERT_NE(own, std::string::npos);
  EXPECT_LT(usual, own);
  EXPECT_THAT(text, HasSubstr(group_key("devices.allow = c 10:* rwm\n")));
  EXPECT_EQ(text.find("devices.deny"), text.rfind("devices.deny"));
}

TEST(InitSystemTest, IsKnownByWhatItsLinksLeadToInTheRoot) {
  const fakes::TempFolder root;
  std::filesystem::create_directories(root / "sbin");
  std::filesystem::create_directories(root / "lib/systemd");
  std::filesystem::create_directories(root / "bin");
  for (const char* program : {"lib/systemd/systemd", "bin/busybox", "sbin/init.sysv", "bin/sh"}) {
    std::ofstream(root / program) << "#!\n";
  }
  const auto link = [&root](const char* target) {
    std::filesystem::remove(root / "sbin/init");
    std::filesystem::create_symlink(target, root / "sbin/init");
  };
  const auto found = [&root](const std::vector<std::string>& args) {
    return init_system_of(root.path(), args);
  };
  EXPECT_EQ(found({"/sbin/init"}), InitSystem::none);
  link("/lib/systemd/systemd");
  EXPECT_EQ(found({"/sbin/init"}), InitSystem::systemd);
  EXPECT_EQ(found({"/lib/systemd/systemd"}), InitSystem::systemd);
  EXPECT_EQ(found({"/sbin/init", "--version"}), InitSystem::none);
  EXPECT_EQ(found({"sbin/init"}), InitSystem::none);
  link("../bin/busybox");
  EXPECT_EQ(found({"/sbin/init"}), InitSystem::other);
  EXPECT_EQ(found({"/bin/busybox"}), InitSystem::none);
  link("../bin/sh");
  EXPECT_EQ(found({"/sbin/init"}), InitSystem::none);
  std::filesystem::remove(root / "sbin/init");
  std::filesystem::rename(root / "sbin/init.sysv", root / "sbin/init");
  EXPECT_EQ(found({"/sbin/init"}), InitSystem::other);
  EXPECT_EQ(usual_stop_signal(InitSystem::none), SIGTERM);
  EXPECT_EQ(usual_stop_signal(InitSystem::systemd), SIGRTMIN + 3);
  EXPECT_EQ(usual_stop_signal(InitSystem::other), SIGPWR);
}

TEST(LxcConfigTest, ASystemHasAConsoleAndGroupsBelowItsLimits) {
  const fakes::TempFolder root;
  std::filesystem::create_directories(root / "sbin");
  std::ofstream(root / "sbin/init") << "#!\n";
  Container container = container_of_test();
  container.rootfs = root.path();
  Spec spec;
  spec.set_args({"/sbin/init"});
  const auto text = make_lxc_config(container, spec, "/usr/lib/drover/drover-lxc", "/x");
  ASSERT_TRUE(text) << to_text(text.error());
  EXPECT_THAT(*text, AllOf(HasSubstr("\nlxc.cgroup.dir.container.inner = init\n"),
                           HasSubstr(" cgroup:rw:force\n"),
                           HasSubstr("\nlxc.console.logfile = /proc/self/fd/1\n"),
                           Not(HasSubstr("lxc.console.path"))));
  const std::string application = config_of([](Spec& /*spec*/) {});
  EXPECT_THAT(application,
              AllOf(HasSubstr("\nlxc.console.path = none\n"), HasSubstr(" cgroup:ro:force\n"),
                    Not(HasSubstr("dir.container.inner"))));
}

json::Value all_limits() {
  Resources whole{64, 0.5, 20};
  whole.swap_mib = 32;
  whole.cpuset = "0";
  whole.cpu_shares = 512;
  whole.hugetlb_mib = {{"2MB", 4}};
  json::Value resources(limits_of(whole));
  const auto rate = [](int value) {
    return json::Array{json::Object{{"major", 8}, {"minor", 16}, {"rate", value}}};
  };
  resources.object()->set("memory", json::Object{{"limit", 64 << 20}, {"swap", 96 << 20}});
  resources.object()->set("blockIO", json::Object{{"weight", 505},
                                                  {"throttleReadBpsDevice", rate(1)},
                                                  {"throttleWriteBpsDevice", rate(2)},
                                                  {"throttleReadIOPSDevice", rate(3)},
                                                  {"throttleWriteIOPSDevice", rate(4)}});
  return resources;
}

CgroupValues without_swap(CgroupValues values) {
  std::erase_if(values, [](const auto& one) {
    return one.first.find("swap") != std::string::npos ||
           one.first.find("memsw") != std::string::npos;
  });
  return values;
}

TEST(LxcLimitsTest, OnVersionTwo) {
  const CgroupValues values = limits_at_start(all_limits(), true);
  EXPECT_THAT(without_swap(values),
              ElementsAre(Pair("memory.max", "67108864"), Pair("pids.max", "20"),
                          Pair("cpu.max", "50000 100000"), Pair("cpu.weight", "20"),
                          Pair("cpuset.cpus", "0"), Pair("io.weight", "5000"),
                          Pair("io.max", "8:16 rbps=1"), Pair("io.max", "8:16 wbps=2"),
                          Pair("io.max", "8:16 riops=3"), Pair("io.max", "8:16 wiops=4"),
                          Pair("hugetlb.2MB.max", "4194304")));
  if (can_limit_swap()) {
    EXPECT_THAT(values, Contains(Pair("memory.swap.max", "33554432")));
  }
}

TEST(LxcLimitsTest, OnVersionOne) {
  const CgroupValues values = limits_at_start(all_limits(), false);
  EXPECT_THAT(
      without_swap(values),
      ElementsAre(Pair("memory.limit_in_bytes", "67108864"), Pair("pids.max", "20"),
                  Pair("cpu.cfs_period_us", "100000"), Pair("cpu.cfs_quota_us", "50000"),
                  Pair("cpu.shares", "512"), Pair("cpuset.cpus", "0"),
                  Pair("blkio.bfq.weight", "505"), Pair("blkio.throttle.read_bps_device", "8:16 1"),
                  Pair("blkio.throttle.write_bps_device", "8:16 2"),
                  Pair("blkio.throttle.read_iops_device", "8:16 3"),
                  Pair("blkio.throttle.write_iops_device", "8:16 4"),
                  Pair("hugetlb.2MB.limit_in_bytes", "4194304")));
  if (can_limit_swap()) {
    EXPECT_THAT(values, Contains(Pair("memory.memsw.limit_in_bytes", "100663296")));
  }
}

TEST(LxcLimitsTest, WhatIsBoundedNoMoreIsSetSoOnARunningOneOnly) {
  const json::Value none = json::Object();
  EXPECT_TRUE(limits_at_start(none, true).empty());
  EXPECT_TRUE(limits_at_start(none, false).empty());
  EXPECT_THAT(without_swap(limits_of_running(none, true)),
              ElementsAre(Pair("memory.max", "max"), Pair("pids.max", "max"),
                          Pair("cpu.max", "max 100000")));
  EXPECT_THAT(without_swap(limits_of_running(none, false)),
              ElementsAre(Pair("memory.limit_in_bytes", "-1"), Pair("pids.max", "max"),
                          Pair("cpu.cfs_period_us", "100000"), Pair("cpu.cfs_quota_us", "-1")));
}

}  // namespace
}  // namespace drover::runtimes
