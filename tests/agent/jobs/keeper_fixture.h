// KeeperFixture: a node whose containers are kept running, and end when a test says so.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "agent/jobs/keep/keeper.h"
#include "agent/jobs/status_change.h"
#include "node_fixture.h"

namespace drover::jobs {

class KeeperFixture : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    start_keeping();
  }
  void TearDown() override {
    stop_keeping();
    NodeFixture::TearDown();
  }
  void start_keeping() {
    keeper_ = std::make_unique<Keeper>(*loop_, *books_, *intake_, clock_);
    react_ = [this](const Event& event) { keeper_->hear(event); };
    EXPECT_TRUE(intake_->resume());
    EXPECT_TRUE(keeper_->take_up());
    books_->commit();
  }
  void stop_keeping() {
    react_ = nullptr;
    keeper_.reset();
  }
  /// The agent ends and another begins.
  void restart_agent() {
    stop_keeping();
    end_agent();
    start_agent();
    start_keeping();
  }

  json::Object kept_job(const std::string& id, const std::string& name, json::Object restart) {
    json::Object request = run_job(id, name);
    request.find("spec")->object()->set("restart", std::move(restart));
    return request;
  }
  /// Until no job is left and everything that happened is dealt with.
  void settle() {
    for (int quiet = 0; quiet < 3;) {
      loop_->turn(std::chrono::milliseconds(5));
      quiet = journal_->unfinished().value().empty() && !journal_->dirty() ? quiet + 1 : 0;
    }
  }
  /// Its program ends by itself, and the node sees it.
  void crash(const std::string& name, std::optional<int> code = 1) {
    runtime_.end(name, code.value_or(1));
    EXPECT_TRUE(note_status(*books_, name, Status::stopped,
                            code ? Exit{code, false, clock_.unix_ms()} : Exit{}, ""));
    books_->commit();
    settle();
  }
  void pass(system::Duration time) {
    clock_.advance(time);
    settle();
  }
  ContainerRow row(const std::string& name) { return journal_->container(name).value().value(); }
  Status status(const std::string& name) { return row(name).status; }
  Keeping keeping(const std::string& name) { return keeping_of(row(name)).value(); }
  /// How long until it is started again.
  std::chrono::milliseconds wait_of(const std::string& name) {
    return std::chrono::milliseconds(keeping(name).next_at - clock_.unix_ms());
  }
  /// The data of the newest event of the container.
  json::Value newest(const std::string& name, const std::string& what) const {
    json::Value data;
    for (const Event& event : published_) {
      if (event.kind == "container" && event.object == name && event.what == what) {
        data = event.data;
      }
    }
    return data;
  }

  std::unique_ptr<Keeper> keeper_;
};

}  // namespace drover::jobs
