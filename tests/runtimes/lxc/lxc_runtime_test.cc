// LXC containers that really run, each below drover-lxc.
#include "runtimes/lxc/lxc_runtime.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>

#include "agent/system/child.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "runtimes/images/image_store.h"
#include "runtimes/network/network.h"
#include "runtimes/oci/bundle.h"

namespace drover::runtimes {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr const char* kServe = "trap 'exit 5' TERM; while :; do sleep 0.1; done";

class LxcRuntimeTest : public testing::Test {
 protected:
  void SetUp() override {
    layout_.state = folder_ / "state";
    layout_.run = folder_ / "run";
    const Path root = folder_ / "root";
    for (const char* name : {"bin", "proc", "sys", "dev", "etc", "tmp"}) {
      std::filesystem::create_directories(root / name);
    }
    std::filesystem::copy_file("/bin/busybox", root / "bin/busybox");
    for (const char* name : {"sh", "sleep", "cat", "env", "id", "mkdir", "dd", "touch", "kill"}) {
      std::filesystem::create_symlink("busybox", root / "bin" / name);
    }
    ASSERT_TRUE(networks_.make_namespace(container_.name, stop_));
    ASSERT_TRUE(images_.mount_root(container_.name, root));
    container_.rootfs = layout_.rootfs(container_.name);
    container_.spec.rootfs = "/srv/root";
    container_.netns = Layout::netns(container_.name);
  }
  void TearDown() override {
    EXPECT_TRUE(runtime_->remove(container_, true, stop_));
    EXPECT_TRUE(images_.unmount_root(container_.name, stop_));
    EXPECT_TRUE(networks_.remove_namespace(container_.name, stop_));
  }

  void make(const std::string& script) {
    container_.spec.command = {"sh", "-c", script};
    const auto made = runtime_->create(container_, stop_);
    ASSERT_TRUE(made) << made.error().message;
  }
  void run(const std::string& script) {
    make(script);
    const auto started = runtime_->start(container_, stop_);
    ASSERT_TRUE(started) << started.error().message;
  }
  /// What stands in a file of its control group; "" where there is none.
  std::string in_group(const std::string& controller, const std::string& file) {
    const pid_t pid = runtime_->state(container_, stop_).value().pid;
    const std::string groups =
        system::read_file(Path("/proc") / std::to_string(pid) / "cgroup").value();
    const std::string own = ":" + controller + ":";
    const bool v1 = groups.find(own) != std::string::npos;
    const std::size_t at = v1 ? groups.find(own) + own.size() : groups.find("0::") + 3;
    const std::string group = groups.substr(at, groups.find('\n', at) - at);
    return system::read_file(Path("/sys/fs/cgroup") / (v1 ? controller : "") / group.substr(1) /
                             file)
        .value_or("");
  }
  Status status() { return runtime_->state(container_, stop_).value().status; }
  /// Waits for an end that comes by itself.
  Exit await_end() {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (status() != Status::stopped && std::chrono::steady_clock::now() < limit) {
      poll(nullptr, 0, 5);
    }
    return runtime_->state(container_, stop_).value().exit.value_or(Exit{});
  }

  fakes::TempFolder folder_;
  Layout layout_;
  system::Stop stop_;
  Container container_{*ContainerName::parse("lxc-test-" + std::to_string(getpid())),
                       *JobId::parse("job-1"),
                       RuntimeKind::lxc,
                       {},
                       {},
                       {},
                       {},
                       {},
                       {}};
  Networks networks_{layout_, {}};
  ImageStore images_{[this] {
    layout_.state = folder_ / "state";
    return layout_;
  }()};
  std::unique_ptr<LxcRuntime> runtime_ = std::make_unique<LxcRuntime>(
      [this] {
        layout_.run = folder_ / "run";
        return layout_;
      }(),
      LxcOptions{DROVER_LXC, 0, 0});
};

TEST_F(LxcRuntimeTest, TheExitCodeIsTrueAlsoForAnAgentThatCameLater) {
  run("exit 7");
  runtime_ = std::make_unique<LxcRuntime>(layout_, LxcOptions{DROVER_LXC, 0, 0});
  EXPECT_EQ(await_end().code, 7);
}

TEST_F(LxcRuntimeTest, WhatLxcSaidBeforeIsGoneWithTheNextStart) {
  run("exit 0");
  await_end();
  const Path log = layout_.lxc() / container_.name.str() / "log";
  std::ofstream(log, std::ios::app) << "lxc c 1 ERROR    start - start.c:f:1 - an earlier cause\n";
  ASSERT_TRUE(runtime_->start(container_, stop_));
  await_end();
  EXPECT_EQ(system::read_file(log).value_or("").find("an earlier cause"), std::string::npos);
}

TEST_F(LxcRuntimeTest, ACommandRunsInItsFolderOrNotAtAll) {
  run("mkdir -p /srv/here; " + std::string(kServe));
  std::string printed;
  const Sink sink = [&](std::string_view text) { printed += text; };
  const auto in = [&](const char* folder) {
    printed.clear();
    return runtime_->exec(container_, {{"sh", "-c", "pwd"}, {}, folder, ""}, sink, sink, stop_)
        .value_or(-1);
  };
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (in("/srv/here") != 0 && std::chrono::steady_clock::now() < limit) {
    poll(nullptr, 0, 5);  // until its program has made it
  }
  EXPECT_EQ(printed, "/srv/here\n");
  EXPECT_EQ(in("/missing"), 126);
  EXPECT_EQ(printed, "/missing: No such file or directory\n");
  EXPECT_EQ(in("/proc/self/cwd"), 126);
}

TEST_F(LxcRuntimeTest, AVolumeInPlaceOfTheKernelsFoldersIsRefusedByName) {
  for (const char* target : {"/proc", "/proc/sys", "/sys/", "/dev", "/srv/../dev/"}) {
    container_.spec.volumes = {{}};
    container_.spec.volumes.front().target = target;
    const auto accepted = runtime_->accepts(container_.spec);
    ASSERT_FALSE(accepted) << target;
    EXPECT_EQ(accepted.error().code, Code::refused);
    EXPECT_THAT(accepted.error().message, HasSubstr(target));
  }
  container_.spec.volumes.front().target = "/device";
  EXPECT_TRUE(runtime_->accepts(container_.spec));
}

TEST_F(LxcRuntimeTest, ItsProgramsHaveTheUmaskThatTheOtherRuntimesGive) {
  const mode_t before = umask(0077);
  run("umask; mkdir /made; " + std::string(kServe));
  std::string out;
  const Sink sink = [&](std::string_view text) { out += text; };
  const auto code =
      runtime_->exec(container_, {{"sh", "-c", "umask"}, {}, "", ""}, sink, sink, stop_);
  umask(before);
  ASSERT_TRUE(code) << code.error().message;
  EXPECT_EQ(out, "0022\n");
  ASSERT_TRUE(runtime_->stop(container_, SIGTERM, milliseconds(5000), stop_));
  EXPECT_THAT(system::read_file(layout_.log(container_.name)).value(), HasSubstr(" F 0022\n"));
}

TEST_F(LxcRuntimeTest, AConfigurationOfAnOlderAgentDoesNotLetLxcMountTheVolumes) {
  const Path node = folder_ / "node";
  std::filesystem::create_directories(node);
  std::filesystem::create_directories(folder_ / "volume");
  std::filesystem::create_symlink(node, folder_ / "root/data");
  std::filesystem::create_directories(folder_ / "root" / node.relative_path());
  container_.mounts = {{folder_ / "volume", "/data/new", false}};
  make("echo x > /data/new/made");
  const Path config = layout_.lxc() / container_.name.str() / "config";
  std::string text = system::read_file(config).value();
  text.erase(text.find("lxc.hook.mount"), text.find('\n', text.find("lxc.hook.mount")));
  text += fmt::format("lxc.mount.entry = {} data/new none bind,create=dir 0 0\n",
                      (folder_ / "volume").native());
  ASSERT_TRUE(system::write_atomically(config, text, 0600));
  const auto started = runtime_->start(container_, stop_);
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(await_end().code, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "volume/made"));
  EXPECT_FALSE(std::filesystem::exists(node / "new"));
}

TEST_F(LxcRuntimeTest, VolumesAreMountedAlsoBelowAFolderOfAnOddName) {
  const Path odd = folder_ / "o'dd \"$(touch made) ;\\ &|#ü\tx";
  std::filesystem::create_directories(odd / "volume");
  Layout layout = layout_;
  layout.state = odd;
  runtime_ = std::make_unique<LxcRuntime>(layout, LxcOptions{DROVER_LXC, 0, 0});
  container_.mounts = {{odd / "volume", "/data", false}, {odd / "volume", "/seen", true}};
  run("touch /data/made && ! touch /seen/more");
  EXPECT_EQ(await_end().code, 0);
  EXPECT_TRUE(std::filesystem::exists(odd / "volume/made"));
  ASSERT_TRUE(runtime_->remove(container_, true, stop_));
}

TEST_F(LxcRuntimeTest, MemoryIsBoundedWithSwapAsRuncAndCrunHaveIt) {
  if (!can_limit_swap()) {
    GTEST_SKIP() << "this kernel cannot limit swap";
  }
  container_.spec.resources = {64, 0, 0};
  run(kServe);
  const auto swap = [&] {
    const std::string group = in_group("memory", "memory.swap.max");
    return group.empty() ? in_group("memory", "memory.memsw.limit_in_bytes") : group;
  };
  const bool v2 = !in_group("memory", "memory.swap.max").empty();
  const std::string unbounded = v2 ? "max\n" : "9223372036854771712\n";
  EXPECT_EQ(swap(), v2 ? "0\n" : "67108864\n");
  // More, less, none and some again.
  for (const std::uint64_t mib : std::array<std::uint64_t, 4>{128, 32, 0, 64}) {
    const auto updated = runtime_->update(container_, {mib, 0, 0}, stop_);
    ASSERT_TRUE(updated) << updated.error().message;
    EXPECT_EQ(swap(), mib == 0 ? unbounded : v2 ? "0\n" : std::to_string(mib << 20) + "\n");
  }
  ASSERT_TRUE(runtime_->stop(container_, SIGTERM, milliseconds(5000), stop_));
  ASSERT_TRUE(runtime_->start(container_, stop_));
  EXPECT_EQ(swap(), v2 ? "0\n" : "67108864\n");
}

TEST_F(LxcRuntimeTest, LimitsChangeWhileItRunsAndHoldAfterItsNextStart) {
  container_.spec.resources = {64, 0, 20};
  run(kServe);
  const auto pids = [&] { return in_group("pids", "pids.max"); };
  EXPECT_EQ(pids(), "20\n");
  const auto updated = runtime_->update(container_, {128, 0.5, 40}, stop_);
  ASSERT_TRUE(updated) << updated.error().message;
  EXPECT_EQ(pids(), "40\n");
  ASSERT_TRUE(runtime_->stop(container_, SIGTERM, milliseconds(5000), stop_));
  ASSERT_TRUE(runtime_->start(container_, stop_));
  EXPECT_EQ(pids(), "40\n");
  const auto none = runtime_->update(container_, {}, stop_);
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_EQ(pids(), "max\n");
}

}  // namespace
}  // namespace drover::runtimes
