// A node whose journal is lost: its own bridges, whether it was drained, kept logs, and what stands
// below a container whose record is lost too.
#include <gmock/gmock.h>

#include <algorithm>
#include <iterator>

#include "agent/jobs/drain.h"
#include "agent/jobs/journal/housekeeping.h"
#include "agent/jobs/journal/journal_check.h"
#include "agent/jobs/verbs/own_networks.h"
#include "agent/system/child.h"
#include "rebuild_fixture.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(Rebuild, ANodeThatWasDrainedIsDrainedStill) {
  run(job("d1", "node.drain", "pve1"));
  const std::int64_t since = drained(*journal_).value()->since_unix_ms;
  lose_journal();
  const std::optional<Drained> still = drained(*journal_).value();
  ASSERT_TRUE(still);
  EXPECT_EQ(still->since_unix_ms, since);
  EXPECT_EQ(still->job, "d1");
  EXPECT_TRUE(told_of_the_node().at("drained").boolean_or(false));
  EXPECT_EQ(submit(run_job("j1", "web-1")).body.at("code").string_or(""), "conflict");
  run(job("u1", "node.undrain", "pve1"));
  lose_journal();
  EXPECT_FALSE(drained(*journal_).value());
  EXPECT_FALSE(told_of_the_node().at("drained").boolean_or(true));
}

TEST_F(Rebuild, ANodeWhoseRecordIsDamagedIsTakenForDrained) {
  records_.reset();
  std::string text = system::read_file(layout_.node_record()).value();
  text.replace(text.find("null"), 4, "true");
  ASSERT_TRUE(system::write_atomically(layout_.node_record(), text, 0600));
  lose_journal();
  EXPECT_TRUE(told_of_the_node().at("drained").boolean_or(false));
  EXPECT_EQ(told_of_the_node().at("unreadable").array()->front().string_or(""),
            layout_.node_record().native() + ".damaged");
  EXPECT_THAT(std::string(submit(run_job("j1", "web-1")).body.at("message").string_or("")),
              HasSubstr("its journal was lost"));
  run(job("u1", "node.undrain", "pve1"));
  EXPECT_EQ(run(run_job("j2", "web-1")).state, JobState::succeeded);
}

TEST_F(Rebuild, BridgesOfItsOwnAreKnownAgainAlsoAfterAReboot) {
  ASSERT_EQ(run(job("n1", "network.ensure", "apps", {{"address", "10.84.0.1/24"}})).state,
            JobState::succeeded);
  run(job("n2", "network.ensure", "gone"));
  run(job("n3", "network.remove", "gone"));
  const NetworkRow before = *journal_->network("apps").value();
  ASSERT_TRUE(system::run_ok({"ip", "link", "delete", "dev", "apps"}, never_));
  lose_journal();
  const std::vector<NetworkRow> rows = journal_->networks().value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows.front().address, before.address);
  EXPECT_EQ(rows.front().job, "n1");
  EXPECT_EQ(rows.front().created_at, before.created_at);
  EXPECT_EQ(told_of_the_node().at("networks").array()->size(), 1U);
  restore_networks(*journal_, *node_);
  EXPECT_EQ(runtimes::look_at_bridge("apps").value(), runtimes::BridgeKind::ours);
  EXPECT_EQ(run(job("n4", "network.remove", "apps")).state, JobState::succeeded);
}

TEST_F(Rebuild, ABridgeThatNoRecordTellsOfIsKnownByItsStamp) {
  run(job("n1", "network.ensure", "apps", {{"address", "10.84.0.1/24"}}));
  records_.reset();
  std::filesystem::remove(layout_.node_record());
  lose_journal();
  ASSERT_TRUE(journal_->network("apps").value());
  EXPECT_EQ(journal_->network("apps").value()->address, "10.84.0.1/24");
  EXPECT_THAT(check_journal(layout_.journal()).value().faults, IsEmpty());
  EXPECT_EQ(run(job("n2", "network.remove", "apps")).state, JobState::succeeded);
}

TEST_F(Rebuild, LogsOfDeletedContainersAreKeptForTheirTime) {
  config_.log.keep_deleted_s = std::int64_t{100} * 365 * 86'400;
  const auto keep_house = [this] {
    Housekeeping housekeeping(*loop_, *books_, clock_, config_, layout_);
    housekeeping.start();
    for (int slice = 0; slice < 50; ++slice) {
      clock_.advance(std::chrono::milliseconds(20));
      loop_->turn(std::chrono::milliseconds(0));
    }
  };
  run(run_job("j1", "web-1"));
  std::ofstream(layout_.log(*ContainerName::parse("web-1"))) << "hello";
  run(job("j2", "container.delete", "web-1", {{"force", true}}));
  const auto log = layout_.kept_log(*JobId::parse("j1"));
  ASSERT_TRUE(std::filesystem::exists(log));
  std::ofstream(layout_.kept_logs() / "no job's") << "left";
  lose_journal();
  keep_house();
  EXPECT_EQ(system::read_file(log).value(), "hello");
  EXPECT_FALSE(std::filesystem::exists(layout_.kept_logs() / "no job's"));
  EXPECT_THAT(check_journal(layout_.journal()).value().faults, IsEmpty());
  config_.log.keep_deleted_s = 1;
  clock_.advance(std::chrono::seconds(2));
  keep_house();
  EXPECT_FALSE(std::filesystem::exists(log));
}

TEST_F(Rebuild, WhatAContainerWithoutARecordStandsOnIsNotTakenFromUnderIt) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  root_ = layout_.image_root(digest);
  std::filesystem::create_directories(root_);
  json::Array volumes;
  for (const char* storage : {"local-folder", "local-image"}) {
    json::Object options{{"storage", storage}};
    if (storage == std::string("local-image")) {
      options.set("size_mib", std::int64_t{8});
    }
    ASSERT_EQ(run(job(storage, "volume.create", storage, std::move(options))).state,
              JobState::succeeded);
    volumes.emplace_back(json::Object{{"name", fmt::format("{}-inside", storage)},
                                      {"target", fmt::format("/{}", storage)},
                                      {"from", storage}});
  }
  run(job("v3", "volume.create", "nobodys"));
  json::Object request = run_with_volume("j1", "web-1");
  json::Value* own = request.find("spec")->object()->find("volumes");
  std::copy(volumes.begin(), volumes.end(), std::back_inserter(*own->array()));
  const JobRow ran = run(request);
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  damage_record_of("web-1");
  lose_journal();

  ASSERT_EQ(told_of_the_node().at("without_record").array()->size(), 1U);
  for (const char* volume : {"local-folder", "local-image"}) {
    const JobRow refused = run(job(fmt::format("d-{}", volume), "volume.delete", volume));
    EXPECT_EQ(refused.state, JobState::failed) << volume;
    EXPECT_THAT(refused.result, HasSubstr("container web-1 has it")) << volume;
  }
  EXPECT_EQ(run(job("d0", "volume.delete", "nobodys")).state, JobState::succeeded);
  const JobRow refused = run(job("i1", "image.remove", digest));
  EXPECT_EQ(refused.state, JobState::failed);
  EXPECT_THAT(refused.result, HasSubstr("in use by web-1"));
  EXPECT_TRUE(std::filesystem::exists(root_));

  ASSERT_EQ(run(job("k1", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  for (const char* volume : {"local-folder", "local-image"}) {
    EXPECT_EQ(run(job(fmt::format("e-{}", volume), "volume.delete", volume)).state,
              JobState::succeeded);
  }
  EXPECT_EQ(run(job("i2", "image.remove", digest)).state, JobState::succeeded);
  EXPECT_FALSE(std::filesystem::exists(root_));
}

}  // namespace
}  // namespace drover::jobs
