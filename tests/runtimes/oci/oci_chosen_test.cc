// What a job chooses beyond the usual, in containers of runc and crun that run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "oci_node.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class OciChosenTest : public testing::TestWithParam<RuntimeKind> {
 protected:
  OciNode node_{GetParam()};
  OciRuntime& runtime_ = *node_.runtime;
};

INSTANTIATE_TEST_SUITE_P(Kinds, OciChosenTest,
                         testing::Values(RuntimeKind::runc, RuntimeKind::crun),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

TEST_P(OciChosenTest, ItsConfinementIsAsItsJobSays) {
  // loop-control: what it is asked for by ioctl, so that to open it does nothing.
  const Path device = node_.folder / "device";
  ASSERT_EQ(mknod(device.c_str(), S_IFCHR | 0666, makedev(10, 237)), 0);
  ASSERT_EQ(chmod(device.c_str(), 0666), 0);
  Container container = node_.container({});
  container.image.entrypoint = {"sh", "-c"};
  ContainerSpec& spec = container.spec;
  spec.args = {
      "exec 2>&1; grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' /proc/self/status;"
      "echo files $(ulimit -n) $(ulimit -Hn); echo queue $(cat /proc/sys/net/core/somaxconn);"
      "(: < /dev/thing) && echo read; (: > /dev/thing) && echo wrote; grep ' /cache ' "
      "/proc/self/mountinfo;"
      "echo bound $(cat /etc/site.conf);"
      "echo score $(cat /proc/self/oom_score_adj); echo own $(id -u)"};
  spec.user = "33:34";
  spec.security.capabilities_add = {"CAP_NET_ADMIN"};
  spec.security.capabilities_drop = {"CAP_CHOWN"};
  spec.security.no_new_privileges = false;
  spec.rlimits = {{"nofile", {100, 200}}};
  spec.sysctls = {{"net.core.somaxconn", "77"}};
  spec.devices = {{device, "/dev/thing", "r"}};
  spec.mounts = {{MountSpec::Kind::tmpfs, "/cache", "", false, 8, "1777"}};
  // A bind mount of a file, as whoever provisions leaves it.
  std::ofstream(node_.folder / "site.conf") << "yes\n";
  container.mounts = {{node_.folder / "site.conf", "/etc/site.conf", true}};
  spec.mounts.push_back({MountSpec::Kind::bind, "/etc/site.conf", "/srv/site.conf", true});
  spec.annotations = {{"com.example.owner", "web"}};
  spec.oci = *json::parse(R"({"process":{"oomScoreAdj":100}})").value().object();
  ASSERT_TRUE(runtime_.accepts(spec)) << to_text(runtime_.accepts(spec).error());
  node_.run(container);
  const std::string text = node_.log(container);
  EXPECT_THAT(text, HasSubstr("CapBnd:\t00000000800415fa"));
  EXPECT_THAT(text, HasSubstr("CapEff:\t0000000000001000")) << "though it is not root";
  EXPECT_THAT(text, HasSubstr("NoNewPrivs:\t0"));
  EXPECT_THAT(text, HasSubstr("Seccomp:\t2")) << "the default filter is there";
  EXPECT_THAT(text, HasSubstr("files 100 200\n"));
  EXPECT_THAT(text, HasSubstr("queue 77\n"));
  EXPECT_THAT(text, HasSubstr("read\n"));
  EXPECT_THAT(text, Not(HasSubstr("wrote\n")));
  EXPECT_THAT(text, HasSubstr("/cache rw,nosuid,nodev,noexec"));
  EXPECT_THAT(text, HasSubstr("size=8192k"));
  EXPECT_THAT(text, HasSubstr("bound yes\n"));
  EXPECT_THAT(text, HasSubstr("score 100\n"));
  EXPECT_THAT(text, HasSubstr("own 33\n"));
}

TEST_P(OciChosenTest, WithoutAFilterNoneIsThere) {
  Container container = node_.container({"grep", "^Seccomp:", "/proc/self/status"});
  container.spec.security.seccomp = "unconfined";
  EXPECT_EQ(node_.run(container).code, 0);
  EXPECT_THAT(node_.log(container), HasSubstr("Seccomp:\t0"));
}

TEST_P(OciChosenTest, LimitsOfTheNodeHoldChangeAndGo) {
  const Path disk = "/dev/loop0";
  const bool has_disk = std::filesystem::exists(disk);
  Container container = node_.shell("sleep 1000");
  Resources& limits = container.spec.resources;
  limits.memory_mib = 64;
  limits.cpuset = "0";
  limits.cpu_shares = 512;
  if (can_limit_swap()) {
    limits.swap_mib = 32;
  }
  if (has_disk) {
    limits.io.devices = {{disk, 1 << 20, 0, 0, 50}};
  }
  // Where the scheduler of disks that weighs is in the kernel.
  limits.io.weight = 200;
  const bool weighs = std::filesystem::exists("/sys/fs/cgroup/blkio/drover/blkio.bfq.weight") &&
                      runtime_.accepts(container.spec).has_value();
  if (!weighs) {
    limits.io.weight = 0;
  }
  const auto expect_limits = [&](const Resources& wanted, const std::string& cpus) {
    EXPECT_EQ(OciNode::group_file(container, "cpuset/cpuset.cpus", "cpuset.cpus"), cpus);
    const std::string shares = OciNode::group_file(container, "cpu/cpu.shares", "");
    if (!shares.empty()) {
      EXPECT_EQ(shares, std::to_string(wanted.cpu_shares != 0 ? wanted.cpu_shares : 1024));
    }
    const std::string swap =
        OciNode::group_file(container, "memory/memory.memsw.limit_in_bytes", "");
    if (!swap.empty() && wanted.memory_mib != 0) {
      EXPECT_EQ(swap, std::to_string((wanted.memory_mib + wanted.swap_mib) << 20U));
    }
    if (weighs) {
      EXPECT_EQ(OciNode::group_file(container, "blkio/blkio.bfq.weight", ""),
                wanted.io.weight != 0 ? "200" : "100");
    }
    const std::string rates =
        OciNode::group_file(container, "blkio/blkio.throttle.read_bps_device", "io.max");
    const std::string writes =
        OciNode::group_file(container, "blkio/blkio.throttle.write_iops_device", "io.max");
    if (wanted.io.devices.empty()) {
      EXPECT_EQ(rates + writes, "");
    } else {
      const DeviceIoLimit& device = wanted.io.devices.front();
      EXPECT_THAT(rates, StartsWith("7:0 "));
      EXPECT_THAT(rates, HasSubstr(std::to_string(device.read_bps)));
      EXPECT_THAT(writes, HasSubstr(std::to_string(device.write_iops)));
    }
  };
  node_.expect_started(container);
  expect_limits(limits, "0");
  Resources others = limits;
  others.cpuset = "";
  others.cpu_shares = 256;
  others.swap_mib = 0;
  others.io.weight = 0;
  if (has_disk) {
    others.io.devices = {{disk, 2 << 20, 0, 0, 60}};
  }
  const std::string all =
      system::read_file("/sys/fs/cgroup/cpuset/drover/cpuset.cpus").value_or("\n");
  auto updated = runtime_.update(container, others, node_.never);
  ASSERT_TRUE(updated) << to_text(updated.error());
  expect_limits(others, all.substr(0, all.find('\n')));
  updated = runtime_.update(container, limits, node_.never);
  ASSERT_TRUE(updated) << to_text(updated.error());
  expect_limits(limits, "0");
  updated = runtime_.update(container, {}, node_.never);
  ASSERT_TRUE(updated) << to_text(updated.error());
  expect_limits({}, all.substr(0, all.find('\n')));
  ASSERT_TRUE(runtime_.remove(container, true, node_.never));
}

TEST_P(OciChosenTest, ALimitThatTheKernelDoesNotTakeFailsTheCreateAndLeavesNoGroup) {
  Container container = node_.shell("true");
  container.spec.resources.cpuset = "4000";
  const auto created = runtime_.create(container, node_.never);
  ASSERT_FALSE(created);
  EXPECT_THAT(created.error().message, HasSubstr("cpuset"));
  EXPECT_THAT(OciNode::cgroups_of(container), testing::IsEmpty());
  EXPECT_THAT(OciNode::processes_of(container), testing::IsEmpty());
}

}  // namespace
}  // namespace drover::runtimes
