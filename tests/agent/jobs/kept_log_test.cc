// What a container printed and how it ended, after it was deleted.
#include "agent/jobs/journal/kept_log.h"

#include <gmock/gmock.h>

#include <fstream>

#include "agent/jobs/journal/housekeeping.h"
#include "agent/jobs/queries/log_streams.h"
#include "agent/jobs/queries/queries.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::Optional;

class KeptLog : public NodeFixture {
 protected:
  /// A container that printed `text`, ended with 7 and was deleted.
  void live_and_die(const std::string& name, const std::string& text) {
    const std::string number = std::to_string(++count_);
    run(run_job("run-" + number, name));
    std::ofstream(layout_.log(*ContainerName::parse(name))) << text;
    runtime_.end(name, 7);
    run(job("stop-" + number, "container.stop", name));
    run(job("rm-" + number, "container.delete", name));
    clock_.advance(std::chrono::milliseconds(1));
  }
  /// What `drover logs` would print; none when it is not found.
  std::optional<std::string> log(const std::string& name) {
    std::string text;
    LogStreams streams(*loop_, *journal_, layout_,
                       [&](const LogStreams::Address&, std::string_view, json::Object, std::string,
                           std::string data) { text += data; });
    const Result<> opened =
        streams.open({1, 1}, json::Object{{"name", name}, {"follow", true}, {"credit", 100}});
    if (!opened) {
      EXPECT_EQ(opened.error().code, Code::not_found);
      return std::nullopt;
    }
    return text;
  }
  json::Value inspect(const std::string& name) {
    Queries queries(*journal_, *supervisor_, *node_, *disk_);
    const auto view =
        queries.answer("query.container", json::Object{{"name", name}, {"deleted", true}});
    return view ? *view : json::Value();
  }
  void keep_house() {
    Housekeeping housekeeping(*loop_, *books_, clock_, config_, layout_);
    housekeeping.start();
    for (int slice = 0; slice < 50; ++slice) {
      clock_.advance(std::chrono::milliseconds(20));
      loop_->turn(std::chrono::milliseconds(0));
    }
  }
  std::size_t files() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(layout_.kept_logs())) {
      ++count;
    }
    return count;
  }

  int count_ = 0;
};

TEST_F(KeptLog, TheLogAndTheExitOfADeletedContainerCanBeRead) {
  live_and_die("web-1", "hello");
  EXPECT_TRUE(leaves_nothing("web-1"));
  EXPECT_THAT(log("web-1"), Optional(std::string("hello")));
  const json::Value view = inspect("web-1");
  EXPECT_EQ(view.at("status").string_or(""), "gone");
  EXPECT_EQ(view.at("exit").at("code").integer_or(-1), 7);
  EXPECT_EQ(view.at("spec").at("rootfs").string_or(""), root_.native());
  EXPECT_GT(view.at("deleted_at").integer_or(0), 0);
}

TEST_F(KeptLog, WhoDoesNotAskForDeletedOnesIsToldThereIsNone) {
  live_and_die("web-1", "hello");
  Queries queries(*journal_, *supervisor_, *node_, *disk_);
  const auto view = queries.answer("query.container", json::Object{{"name", "web-1"}});
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, Code::not_found);
}

TEST_F(KeptLog, AnotherOneOfTheNameHasItsOwn) {
  live_and_die("web-1", "first");
  run(run_job("j2", "web-1"));
  std::ofstream(layout_.log(*ContainerName::parse("web-1"))) << "second";
  EXPECT_EQ(inspect("web-1").at("status").string_or(""), "running");
  runtime_.end("web-1", 0);
  run(job("s2", "container.stop", "web-1"));
  EXPECT_THAT(log("web-1"), Optional(std::string("second")));
  run(job("d2", "container.delete", "web-1"));
  EXPECT_THAT(log("web-1"), Optional(std::string("second"))) << "the one deleted last";
  EXPECT_EQ(inspect("web-1").at("job").string_or(""), "j2");
  EXPECT_EQ(files(), 2U);
}

TEST_F(KeptLog, OfOneThatPrintedNothingTheExitIsKept) {
  run(run_job("j1", "web-1"));
  run(job("d1", "container.delete", "web-1", {{"force", true}}));
  EXPECT_EQ(log("web-1"), std::nullopt);
  EXPECT_EQ(inspect("web-1").at("status").string_or(""), "gone");
}

TEST_F(KeptLog, WhatARunThatFailedHasPrintedIsKept) {
  runtime_.fail_next("start", {Code::broken, "no such program", {}});
  std::filesystem::create_directories(layout_.container(*ContainerName::parse("web-1")));
  std::ofstream(layout_.log(*ContainerName::parse("web-1"))) << "exec format error";
  EXPECT_EQ(run(run_job("j1", "web-1")).state, JobState::failed);
  EXPECT_THAT(log("web-1"), Optional(std::string("exec format error")));
}

TEST_F(KeptLog, ANodeThatKeepsNoneLeavesNothing) {
  config_.log.keep_deleted_s = 0;
  live_and_die("web-1", "hello");
  EXPECT_EQ(log("web-1"), std::nullopt);
  EXPECT_TRUE(inspect("web-1").is_null());
  EXPECT_FALSE(std::filesystem::exists(layout_.kept_logs()));
}

TEST_F(KeptLog, TheyGoByAge) {
  live_and_die("web-1", "old");
  clock_.advance(std::chrono::hours(20));
  live_and_die("web-2", "young");
  clock_.advance(std::chrono::hours(5));
  keep_house();
  EXPECT_EQ(log("web-1"), std::nullopt);
  EXPECT_TRUE(inspect("web-1").is_null());
  EXPECT_THAT(log("web-2"), Optional(std::string("young")));
  EXPECT_EQ(files(), 1U);
}

TEST_F(KeptLog, TheyGoByNumberAndBySizeTheOldestFirst) {
  config_.log.keep_deleted = 2;
  for (const char* name : {"web-1", "web-2", "web-3"}) {
    live_and_die(name, name);
  }
  keep_house();
  EXPECT_EQ(log("web-1"), std::nullopt);
  EXPECT_THAT(log("web-2"), Optional(std::string("web-2")));
  EXPECT_THAT(log("web-3"), Optional(std::string("web-3")));
  config_.log.keep_deleted_mib = 1;
  live_and_die("web-4", std::string((std::size_t{1} << 20) - 2, 'x'));
  keep_house();
  EXPECT_EQ(log("web-3"), std::nullopt);
  EXPECT_TRUE(log("web-4"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(KeptLog, OneThatAKilledAgentHadMovedAndNotRememberedGoes) {
  live_and_die("web-1", "kept");
  std::ofstream(layout_.kept_logs() / "lost.log") << "of no one";
  run(run_job("j9", "web-9"));
  // Its delete is under way: the log is moved, the row not yet gone.
  std::ofstream(layout_.kept_log(*JobId::parse("j9"))) << "soon remembered";
  keep_house();
  EXPECT_FALSE(std::filesystem::exists(layout_.kept_logs() / "lost.log"));
  EXPECT_EQ(files(), 2U);
}

}  // namespace
}  // namespace drover::jobs
