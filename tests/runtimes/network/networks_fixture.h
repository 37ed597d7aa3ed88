// A network namespace with a bridge, and Networks with the real CNI plugins in it.
#pragma once

#include <gmock/gmock.h>
#include <sched.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/system/child.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "runtimes/network/network.h"

namespace drover::runtimes {

class NetworksTest : public testing::Test {
 protected:
  void SetUp() override {
    // One for each test: the kernel takes the interfaces of a namespace that ended away when it has
    // time, and the next test would still see them.
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    run({"ip", "link", "set", "lo", "up"});
    run({"ip", "link", "add", "vmbr0", "type", "bridge"});
    run({"ip", "address", "add", "10.83.0.1/24", "dev", "vmbr0"});
    run({"ip", "link", "set", "vmbr0", "up"});
    layout_.state = folder_ / "state";
    layout_.run = folder_ / "run";
    std::filesystem::create_directories(layout_.state);
    networks_ = std::make_unique<Networks>(
        layout_,
        NetworkOptions{{"/nowhere", "/usr/lib/cni"},
                       {{"vmbr0", "10.83.0.0/24", "10.83.0.10", "10.83.0.11", "10.83.0.1"}}});
  }
  void TearDown() override {
    for (const char* name : {"web-1", "web-2", "web-3"}) {
      EXPECT_TRUE(networks_->remove_namespace(container(name), stop_));
    }
  }
  std::string run(const std::vector<std::string>& argv) {
    const auto ran = system::run_ok(argv, stop_);
    EXPECT_TRUE(ran) << ran.error().message;
    return ran.value_or("");
  }
  static ContainerName container(const std::string& name) { return *ContainerName::parse(name); }
  /// On vmbr0 unless the spec says where.
  Result<Attachment> attach(const std::string& name, NetworkSpec spec = {}) {
    if (spec.bridge.empty() && spec.kind == NetworkKind::bridge) {
      spec.bridge = "vmbr0";
    }
    TRY(networks_->make_namespace(container(name), stop_));
    return networks_->attach(container(name), job_, spec, {}, stop_);
  }
  Result<> detach(const std::string& name, NetworkSpec spec = {}) {
    if (spec.bridge.empty() && spec.kind == NetworkKind::bridge) {
      spec.bridge = "vmbr0";
    }
    return networks_->detach(container(name), job_, spec, stop_);
  }
  std::string inside(const std::string& name, std::vector<std::string> argv) {
    argv.insert(argv.begin(), {"ip", "netns", "exec", "drover-" + name});
    return run(argv);
  }

  fakes::TempFolder folder_;
  Layout layout_;
  system::Stop stop_;
  JobId job_ = *JobId::parse("job-1");
  std::unique_ptr<Networks> networks_;
};

}  // namespace drover::runtimes
