// LxcNode: a node of its own for tests that run real containers by LXC, and a root to run.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "runtimes/images/image_store.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/network/network.h"

namespace drover::runtimes {

class LxcNode : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(networks_.make_namespace(container_.name, never_));
    container_.netns = Layout::netns(container_.name);
    container_.rootfs = layout_.rootfs(container_.name);
  }
  void TearDown() override {
    EXPECT_TRUE(runtime_.remove(container_, true, never_));
    EXPECT_TRUE(images_.unmount_root(container_.name, never_));
    EXPECT_TRUE(networks_.remove_namespace(container_.name, never_));
  }

  /// A root of busybox.
  static void make_root(const Path& root) {
    for (const char* name : {"bin", "proc", "sys", "dev", "etc", "tmp"}) {
      std::filesystem::create_directories(root / name);
    }
    std::filesystem::copy_file("/bin/busybox", root / "bin/busybox");
    for (const char* name : {"sh", "sleep", "cat", "env", "id", "mkdir", "ls", "stat", "mount",
                             "touch", "head", "grep", "wc", "true", "echo"}) {
      std::filesystem::create_symlink("busybox", root / "bin" / name);
    }
    std::ofstream(root / "etc/passwd") << "root:x:0:0::/root:/bin/sh\n";
  }
  void mount_root(const Path& root) {
    const auto mounted = images_.mount_root(container_.name, root);
    ASSERT_TRUE(mounted) << to_text(mounted.error());
  }
  void create() {
    const auto made = runtime_.create(container_, never_);
    ASSERT_TRUE(made) << to_text(made.error());
  }
  void start() {
    const auto started = runtime_.start(container_, never_);
    ASSERT_TRUE(started) << to_text(started.error());
  }
  std::string log() const { return system::read_file(layout_.log(container_.name)).value_or(""); }
  Status status() { return runtime_.state(container_, never_).value().status; }
  /// Waits until `is_so`, half a minute at most.
  template <class Condition>
  bool soon(const Condition& is_so) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!is_so()) {
      if (std::chrono::steady_clock::now() > limit) {
        return false;
      }
      poll(nullptr, 0, 10);
    }
    return true;
  }
  /// Waits for an end that comes by itself.
  Exit await_end() {
    EXPECT_TRUE(soon([this] { return status() == Status::stopped; }));
    return runtime_.state(container_, never_).value().exit.value_or(Exit{});
  }
  /// What stands in a file of its control group; "" where there is none.
  std::string in_group(const std::string& controller, const std::string& file) {
    const pid_t pid = runtime_.state(container_, never_).value().pid;
    const std::string groups =
        system::read_file(Path("/proc") / std::to_string(pid) / "cgroup").value_or("");
    const std::string own = ":" + controller + ":/";
    const bool v1 = groups.find(own) != std::string::npos;
    const std::size_t at = v1 ? groups.find(own) + own.size() : groups.find("0::/") + 4;
    const std::string group = groups.substr(at, groups.find('\n', at) - at);
    return system::read_file(Path("/sys/fs/cgroup") / (v1 ? controller : "") / group / file)
        .value_or("");
  }

  fakes::TempFolder folder_;
  const Layout layout_{folder_ / "state", folder_ / "run"};
  const Stop never_;
  Container container_{*ContainerName::parse("lxc-node-" + std::to_string(getpid())),
                       *JobId::parse("job-1"),
                       RuntimeKind::lxc,
                       {},
                       {},
                       {},
                       {},
                       {},
                       {}};
  Networks networks_{layout_, {}};
  ImageStore images_{layout_};
  LxcRuntime runtime_{layout_, LxcOptions{DROVER_LXC, 0, 0, {}, DROVER_EXEC}};
};

}  // namespace drover::runtimes
