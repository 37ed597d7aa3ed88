// What a program of an LXC container finds inside: as much as fits into few of them, because each
// takes its time to come and go.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lxc_node.h"
#include "runtimes/lxc/lxc_config.h"
#include "runtimes/lxc/lxc_limits.h"
#include "runtimes/oci/limits.h"
#include "runtimes/resources_held.h"

namespace drover::runtimes {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class LxcInsideTest : public LxcNode {
 protected:
  void SetUp() override {
    LxcNode::SetUp();
    make_root(root_);
  }
  void run_script(const std::string& script) {
    container_.spec.command = {"sh", "-c", script};
    mount_root(root_);
    create();
    start();
  }

  const Path root_ = folder_ / "image";
};

TEST_F(LxcInsideTest, ItHasWhatItsSpecChooses) {
  ContainerSpec& spec = container_.spec;
  spec.env = {{"TWO", "first\nsecond"}};
  spec.rlimits = {{"core", {0, 0}}, {"nofile", {77, 99}}};
  spec.sysctls = {{"net.core.somaxconn", "1234"}, {"kernel.shmmni", "77"}};
  spec.security.capabilities_add = {"CAP_SYS_NICE"};
  spec.security.capabilities_drop = {"CAP_CHOWN"};
  spec.security.no_new_privileges = false;
  // The kernel's log, which none of the usual devices is.
  const Path device = folder_ / "device";
  ASSERT_EQ(mknod(device.c_str(), S_IFCHR | 0640, makedev(1, 11)), 0);
  spec.devices = {{device, "/dev/own/log", "w"}};
  MountSpec memory;
  memory.kind = MountSpec::Kind::tmpfs;
  memory.target = "/var/cache/web";
  memory.size_mib = 8;
  memory.mode = "750";
  spec.mounts = {memory};
  std::ofstream(folder_ / "one-file") << "of the node\n";
  container_.mounts = {{folder_ / "one-file", "/etc/new/one", true}};
  run_script(
      "echo \"two=$TWO\"; ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj;"
      "grep -E 'CapBnd|NoNewPrivs' /proc/self/status; cat /proc/sys/net/core/somaxconn "
      "/proc/sys/kernel/shmmni /proc/sys/net/ipv4/ping_group_range;"
      "stat -c '%n %F %t:%T %a' /dev/own/log; true > /dev/own/log && echo written; true < "
      "/dev/own/log;"
      "mount | grep -E '/var/cache/web|/etc/new/one|/dev/shm|mqueue';"
      "cat /etc/new/one; echo x >> /etc/new/one");
  EXPECT_EQ(await_end().code, 1);
  const std::string printed = log();
  EXPECT_THAT(printed, AllOf(HasSubstr("F two=first\n"), HasSubstr("F second\n"),
                             HasSubstr("F 77\n"), HasSubstr("F 99\n"), HasSubstr("F 0\n"),
                             HasSubstr("F NoNewPrivs:\t0\n"), HasSubstr("F 1234\n")));
  // Of capabilities(7) the usual ones without CHOWN (0), with SYS_NICE (23).
  EXPECT_THAT(printed, HasSubstr("CapBnd:\t00000000808405fa\n"));
  EXPECT_THAT(printed, AllOf(HasSubstr("F 0\t2147483647\n"), HasSubstr("F written\n"),
                             HasSubstr("/dev/own/log character special file 1:b 640\n"),
                             HasSubstr("can't open /dev/own/log: Operation not permitted\n")));
  EXPECT_THAT(printed, AllOf(HasSubstr("on /var/cache/web type tmpfs (rw,nosuid,nodev,noexec"),
                             HasSubstr("size=8192k,mode=750"), HasSubstr("on /dev/shm type tmpfs"),
                             HasSubstr("on /dev/mqueue type mqueue"), HasSubstr("of the node\n"),
                             HasSubstr("can't create /etc/new/one: Read-only file system\n")));
}

// The same files as for runc and crun.
TEST_F(LxcInsideTest, TheKernelsFilesAreMaskedOrReadOnly) {
  run_script(
      "for f in bus fs irq sys sysrq-trigger; do [ ! -e /proc/$f ] || "
      "mount | grep -q \" on /proc/$f .*(ro,\" || echo writable $f; done;"
      "for f in kcore keys timer_list; do [ ! -e /proc/$f ] || [ -c /proc/$f ] || echo open $f; "
      "done;"
      "ls /sys/firmware /sys/dev/block /proc/acpi /proc/scsi 2>&1 | grep -v ':' | wc -w;"
      "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/kernel/shmmni;"
      "grep NoNewPrivs /proc/self/status; : > /proc/self/comm");
  await_end();
  const std::string printed = log();
  EXPECT_THAT(printed, AllOf(Not(HasSubstr("F writable")), Not(HasSubstr("F open")),
                             HasSubstr("/proc/sys/net/ipv4/ip_forward: Read-only file system"),
                             HasSubstr("/proc/sys/kernel/shmmni: Read-only file system"),
                             HasSubstr("F 0\n"), HasSubstr("NoNewPrivs:\t1")));
}

TEST_F(LxcInsideTest, ACommandInsideIsConfinedAsItsProgramIs) {
  container_.spec.rlimits = {{"nofile", {77, 99}}};
  container_.spec.security.capabilities_drop = {"CAP_CHOWN"};
  run_script("trap 'exit 5' TERM; while :; do sleep 0.1; done");
  std::string out;
  const Sink sink = [&](std::string_view text) { out += text; };
  const auto code = runtime_.exec(container_,
                                  {{"sh", "-c",
                                    "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; grep -E "
                                    "'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status"},
                                   {},
                                   "",
                                   ""},
                                  sink, sink, never_);
  ASSERT_TRUE(code) << to_text(code.error());
  EXPECT_EQ(out, "77\n99\n0\nCapBnd:\t00000000800405fa\nNoNewPrivs:\t1\nSeccomp:\t2\n");
}

TEST_F(LxcInsideTest, AFilterOfTheJobsChoiceHoldsForAllInside) {
  const Path profile = folder_ / "no-mkdir.json";
  std::ofstream(profile) << R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":17}]})";
  container_.spec.rootfs = root_;
  container_.spec.security.seccomp = profile;
  ASSERT_TRUE(runtime_.accepts(container_.spec));
  run_script("mkdir /made; grep Seccomp: /proc/self/status; sleep 60");
  std::string out;
  const Sink sink = [&](std::string_view text) { out += text; };
  const auto code =
      runtime_.exec(container_, {{"mkdir", "/other"}, {}, "", ""}, sink, sink, never_);
  ASSERT_TRUE(code) << to_text(code.error());
  EXPECT_EQ(*code, 1);
  EXPECT_THAT(out, HasSubstr("File exists"));
  EXPECT_TRUE(soon([this] { return log().find("Seccomp:\t2") != std::string::npos; })) << log();
  EXPECT_THAT(log(), HasSubstr("can't create directory '/made': File exists"));
  std::ofstream(profile) << R"({"defaultAction":"SCMP_ACT_LOG"})";
  EXPECT_THAT(runtime_.accepts(container_.spec).error().message, HasSubstr("SCMP_ACT_LOG"));
}

TEST_F(LxcInsideTest, ItHasNoFilterWhereItsJobMayGoWithout) {
  container_.spec.security.seccomp = "unconfined";
  run_script("grep Seccomp: /proc/self/status");
  EXPECT_EQ(await_end().code, 0);
  EXPECT_THAT(log(), HasSubstr("Seccomp:\t0"));
}

// An agent before filters were the spec's has written none down.
TEST_F(LxcInsideTest, OneThatWasMadeWithoutAFilterGetsTheNodesWhenItStarts) {
  container_.spec.command = {"sh", "-c", "grep Seccomp: /proc/self/status"};
  mount_root(root_);
  create();
  const Path bundle = layout_.lxc() / container_.name.str();
  Spec spec = read_bundle(bundle).value();
  spec.merge(*json::parse(R"({"linux":{"seccomp":null}})").value().object());
  ASSERT_TRUE(system::write_atomically(bundle / "config.json", spec.emit(), 0600));
  start();
  await_end();
  EXPECT_THAT(log(), HasSubstr("Seccomp:\t2"));
}

// Numbers of devices are given anew at each boot, and those of volumes at each activation.
TEST_F(LxcInsideTest, ADeviceHasTheNumberAtEachStartThatItHasOnTheNodeThen) {
  const Path device = folder_ / "device";
  ASSERT_EQ(mknod(device.c_str(), S_IFCHR | 0640, makedev(1, 11)), 0);
  container_.spec.devices = {{device, "/dev/own", "w"}};
  container_.spec.command = {"sh", "-c",
                             "stat -c '%n %t:%T' /dev/own; true > /dev/own && echo written"};
  mount_root(root_);
  create();
  ASSERT_TRUE(std::filesystem::remove(device));
  ASSERT_EQ(mknod(device.c_str(), S_IFCHR | 0640, makedev(1, 7)), 0);
  start();
  await_end();
  EXPECT_THAT(log(), AllOf(HasSubstr("F /dev/own 1:7\n"), HasSubstr("F written\n")));
  EXPECT_THAT(system::read_file(layout_.lxc() / container_.name.str() / "config").value_or(""),
              Not(HasSubstr("c 1:11")));
  ASSERT_TRUE(std::filesystem::remove(device));
  const auto started = runtime_.start(container_, never_);
  ASSERT_FALSE(started) << "without it";
  EXPECT_EQ(started.error().code, Code::not_found);
  EXPECT_THAT(started.error().message, HasSubstr(device.native()));
}

TEST_F(LxcInsideTest, ASettingThatTheKernelHasNotFailsTheStart) {
  container_.spec.sysctls = {{"net.core.no_such", "1"}};
  container_.spec.command = {"sh", "-c", "true"};
  mount_root(root_);
  create();
  const auto started = runtime_.start(container_, never_);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("sysctls: net.core.no_such"));
}

TEST_F(LxcInsideTest, ADeviceOutsideDevIsRefused) {
  container_.spec.rootfs = root_;
  for (const char* target : {"/srv/full", "/dev/../srv/full", "/device"}) {
    container_.spec.devices = {{"/dev/full", target, "rw"}};
    const auto accepted = runtime_.accepts(container_.spec);
    ASSERT_FALSE(accepted) << target;
    EXPECT_EQ(accepted.error().code, Code::refused);
    EXPECT_THAT(accepted.error().message, AllOf(HasSubstr("devices"), HasSubstr(target)));
  }
  container_.spec.devices = {{"/dev/full", "/dev/own/full", "rw"}};
  EXPECT_TRUE(runtime_.accepts(container_.spec));
}

// Added to the first of the container's it would be an id of the node that is another's, or none.
TEST_F(LxcInsideTest, ASecretOfAnIdThatIsNotInsideIsRefused) {
  container_.spec.rootfs = root_;
  container_.spec.security.user_namespace = "auto";
  SecretSpec& key = container_.spec.secrets.emplace_back();
  key.name = "key";
  key.uid = key.gid = 65535;
  EXPECT_TRUE(runtime_.accepts(container_.spec));
  key.gid = 65536;
  const auto accepted = runtime_.accepts(container_.spec);
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, Code::refused);
  EXPECT_THAT(accepted.error().message, AllOf(HasSubstr("secrets"), HasSubstr("65536")));
  container_.spec.security.user_namespace = "host";
  EXPECT_TRUE(runtime_.accepts(container_.spec));
}

// A volume's content is whoever's writes there, and what a link leads to is on the node.
TEST_F(LxcInsideTest, ADeviceBelowALinkOfAVolumeIsNotMadeOutsideDev) {
  std::filesystem::create_directories(folder_ / "volume");
  std::filesystem::create_directories(folder_ / "node");
  std::filesystem::create_directory_symlink(folder_ / "node", folder_ / "volume/link");
  std::filesystem::create_directory_symlink("/tmp", folder_ / "volume/inside");
  container_.mounts = {{folder_ / "volume", "/dev/data", false}};
  container_.spec.command = {"sh", "-c", "true"};
  mount_root(root_);
  for (const char* target : {"/dev/data/link/full", "/dev/data/inside/full"}) {
    container_.spec.devices = {{"/dev/full", target, "rw"}};
    create();
    EXPECT_FALSE(runtime_.start(container_, never_)) << target;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "node/full"));
    ASSERT_TRUE(runtime_.remove(container_, true, never_));
  }
}

// With busybox's init; node_life boots a Debian with systemd.
TEST_F(LxcInsideTest, AnInitHasAConsoleAndItsLimitsAboveItAndIsShutDown) {
  std::filesystem::create_directories(root_ / "sbin");
  std::filesystem::create_symlink("../bin/busybox", root_ / "sbin/init");
  std::ofstream(root_ / "etc/inittab") << "::sysinit:/bin/echo it is up\n"
                                          "::respawn:/bin/cat /dev/console\n"
                                          "::shutdown:/bin/echo it goes down\n";
  container_.spec.command = {"/sbin/init"};
  container_.spec.resources.pids = 50;
  container_.spec.resources.cpuset = "0";
  mount_root(root_);
  create();
  start();
  EXPECT_EQ(runtime_.usual_stop_signal(container_), SIGPWR);
  EXPECT_TRUE(soon([this] { return log().find("stdout F it is up") != std::string::npos; }));
  const pid_t pid = runtime_.state(container_, never_).value().pid;
  const Path group = group_of(pid, "pids").value();
  EXPECT_EQ(group.filename(), lxc_cgroup(container_.name));
  std::string out;
  const Sink sink = [&](std::string_view text) { out += text; };
  const auto code = runtime_.exec(
      container_,
      {{"sh", "-c",
        "cd /sys/fs/cgroup; cd pids 2>/dev/null; echo max > pids.max; cat pids.max; mount | grep "
        "-E ' /run( |/lock)'"},
       {},
       "",
       ""},
      sink, sink, never_);
  ASSERT_TRUE(code) << to_text(code.error());
  EXPECT_EQ(*code, 0) << out;
  EXPECT_THAT(out, AllOf(HasSubstr("max\n"), HasSubstr(" on /run type tmpfs"),
                         HasSubstr(" on /run/lock type tmpfs")));
  EXPECT_EQ(system::read_file(group / "pids.max").value_or(""), "50\n");
  Resources rates{0, 0, 60};
  rates.io.devices = {{"/dev/loop0", 1 << 20, 0, 0, 0}};
  if (!has_unified_cgroups() && std::filesystem::exists("/dev/loop0")) {
    const auto refused = runtime_.update(container_, rates, never_);
    ASSERT_FALSE(refused) << "v1 bounds the group with the limits alone";
    EXPECT_EQ(refused.error().code, Code::refused);
    EXPECT_EQ(system::read_file(group / "pids.max").value_or(""), "50\n") << "nothing changed";
    EXPECT_EQ(in_group("blkio", "blkio.throttle.read_bps_device"), "");
  }
  const auto updated = runtime_.update(container_, {0, 0, 60}, never_);
  ASSERT_TRUE(updated) << to_text(updated.error());
  EXPECT_EQ(system::read_file(group / "pids.max").value_or(""), "60\n");
  const auto ended = runtime_.stop(container_, SIGPWR, std::chrono::seconds(30), never_);
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_NE(ended->code, 128 + SIGKILL);
  EXPECT_THAT(log(), HasSubstr("it goes down"));
}

TEST_F(LxcInsideTest, ItsPartOfTheNodeIsBoundedAndChanged) {
  if (has_unified_cgroups()) {
    GTEST_SKIP() << "keys of cgroup v1 are looked at; those of v2 are in lxc_config_test";
  }
  const Path disk = "/dev/loop0";
  const bool has_disk = std::filesystem::exists(disk);
  const bool swap = can_limit_swap();
  Resources& limits = container_.spec.resources;
  limits.memory_mib = 64;
  limits.swap_mib = swap ? 32 : 0;
  limits.cpuset = "0";
  limits.cpu_shares = 512;
  if (has_disk) {
    limits.io.devices = {{disk, 1 << 20, 0, 0, 50}};
  }
  const auto expect = [&](const std::string& memory_and_swap, const std::string& shares,
                          const std::string& rate, const std::string& operations) {
    EXPECT_EQ(in_group("cpu", "cpu.shares"), shares + "\n");
    if (swap) {
      EXPECT_EQ(in_group("memory", "memory.memsw.limit_in_bytes"), memory_and_swap + "\n");
    }
    if (has_disk) {
      EXPECT_EQ(in_group("blkio", "blkio.throttle.read_bps_device"), rate);
      EXPECT_EQ(in_group("blkio", "blkio.throttle.write_iops_device"), operations);
    }
  };
  run_script("trap 'exit 5' TERM; while :; do sleep 0.1; done");
  EXPECT_EQ(in_group("cpuset", "cpuset.cpus"), "0\n");
  expect("100663296", "512", "7:0 1048576\n", "7:0 50\n");
  limits.cpu_shares = 256;
  limits.swap_mib = swap ? 16 : 0;
  if (has_disk) {
    limits.io.devices = {{disk, 2 << 20, 0, 0, 0}};
  }
  const auto updated = runtime_.update(container_, limits, never_);
  ASSERT_TRUE(updated) << to_text(updated.error());
  expect("83886080", "256", "7:0 2097152\n", "");
  ASSERT_TRUE(runtime_.stop(container_, SIGTERM, std::chrono::seconds(10), never_));
  start();
  EXPECT_EQ(in_group("cpuset", "cpuset.cpus"), "0\n");
  expect("83886080", "256", "7:0 2097152\n", "");
  // What is given back.
  const auto freed = runtime_.update(container_, {}, never_);
  ASSERT_TRUE(freed) << to_text(freed.error());
  EXPECT_EQ(in_group("cpuset", "cpuset.cpus"),
            system::read_file("/sys/fs/cgroup/cpuset/cpuset.cpus").value_or(""));
  expect("9223372036854771712", "1024", "", "");
}

}  // namespace
}  // namespace drover::runtimes
