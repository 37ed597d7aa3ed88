// LeaksFixture: a node whose reconciler looks when a test says so.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/jobs/reconcile/reconciler.h"
#include "agent/system/child.h"
#include "node_fixture.h"

namespace drover::jobs {

class LeaksFixture : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    start_reconciler();
    // A journal that has seen its node once is what nearly all of a node's life is made of.
    look();
    published_.clear();
  }
  void TearDown() override {
    end_reconciler();
    NodeFixture::TearDown();
    // All tests of a program share this folder.
    std::vector<system::Path> pinned;
    for (const auto& entry : std::filesystem::directory_iterator("/run/netns")) {
      pinned.push_back(entry.path());
    }
    for (const system::Path& name : pinned) {
      umount2(name.c_str(), MNT_DETACH);
      std::filesystem::remove(name);
    }
  }
  void start_reconciler() {
    reconciler_ = std::make_unique<Reconciler>(*node_, *books_, *supervisor_, *intake_, clock_,
                                               [this] { return no_quorum_; });
  }
  void end_reconciler() {
    books_->close();
    reconciler_.reset();
  }
  void restart_all() {
    end_reconciler();
    end_agent();
    start_agent();
    start_reconciler();
  }

  void begin_look() { reconciler_->look(); }
  void end_look(std::uint64_t before) {
    while (reconciler_->looks() == before) {
      loop_->turn(std::chrono::milliseconds(5));
    }
  }
  void look() {
    const std::uint64_t before = reconciler_->looks();
    begin_look();
    end_look(before);
  }
  void pass_grace() { clock_.advance(std::chrono::seconds(config_.reconcile.grace_s)); }
  void await_pause(int before) {
    while (runtime_.held() == before) {
      loop_->turn(std::chrono::milliseconds(5));
    }
  }
  /// "leaked netns drover-ghost" and the like, in order.
  std::vector<std::string> told_of_leaks() const {
    std::vector<std::string> lines;
    for (const Event& event : published_) {
      if (event.kind == "resource") {
        const json::Value data(event.data);
        lines.push_back(fmt::format("{} {} {}", event.what, data.at("kind").string_or(""),
                                    data.at("name").string_or("")));
      }
    }
    return lines;
  }
  json::Value data_of_last() const { return published_.back().data; }
  static void write_file(const system::Path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    ASSERT_TRUE(system::write_atomically(path, text));
  }
  static void sh(const std::vector<std::string>& argv) {
    const system::Stop never;
    const auto ran = system::run_ok(argv, never);
    ASSERT_TRUE(ran) << ran.error().message;
  }

  bool no_quorum_ = false;  // at Proxmox
  std::unique_ptr<Reconciler> reconciler_;
};

}  // namespace drover::jobs
