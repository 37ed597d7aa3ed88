#include "agent/jobs/drain.h"

#include <gmock/gmock.h>

#include "agent/jobs/queries/queries.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class DrainTest : public NodeFixture {
 protected:
  json::Value node() {
    return Queries(*journal_, *supervisor_, *node_, *disk_).answer("query.node", {}).value();
  }
  Status status_of(const std::string& name) { return journal_->container(name).value()->status; }
  void await_all() {
    while (!journal_->unfinished().value().empty() || journal_->dirty()) {
      loop_->turn(std::chrono::seconds(60));
    }
  }
};

TEST_F(DrainTest, ADrainedNodeTakesNoNewContainersAndKeepsWhatRuns) {
  run(run_job("j1", "web-1"));
  EXPECT_EQ(run(job("d1", "node.drain", "pve1")).state, JobState::succeeded);
  const Answer refused = submit(run_job("j2", "web-2"));
  EXPECT_EQ(refused.kind, "error");
  EXPECT_EQ(refused.body.at("code").string_or(""), "conflict");
  EXPECT_THAT(std::string(refused.body.at("message").string_or("")), HasSubstr("drained since 20"));
  EXPECT_EQ(submit(job("j3", "container.start", "web-1")).kind, "error");
  EXPECT_EQ(status_of("web-1"), Status::running);
  EXPECT_EQ(run(job("j4", "container.stop", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(node().at("drained").at("job").string_or(""), "d1");
}

TEST_F(DrainTest, UndrainedItTakesThemAgain) {
  run(job("d1", "node.drain", "pve1"));
  run(job("d2", "node.undrain", "pve1"));
  EXPECT_TRUE(node().at("drained").is_null());
  EXPECT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
  EXPECT_THAT(told("node", "pve1"), ElementsAre("drained", "undrained"));
}

TEST_F(DrainTest, DrainingTwiceIsToldOnce) {
  run(job("d1", "node.drain", "pve1"));
  EXPECT_EQ(run(job("d2", "node.drain", "pve1")).state, JobState::succeeded);
  EXPECT_THAT(told("node", "pve1"), ElementsAre("drained"));
}

TEST_F(DrainTest, ItOutlivesTheAgent) {
  run(job("d1", "node.drain", "pve1"));
  end_agent();
  start_agent();
  EXPECT_EQ(submit(run_job("j1", "web-1")).kind, "error");
}

TEST_F(DrainTest, WithStopContainersEachIsStoppedByAJobOfItsOwn) {
  run(run_job("j1", "web-1"));
  run(run_job("j2", "web-2"));
  run(job("j3", "container.stop", "web-2"));
  const JobRow drained =
      run(job("d1", "node.drain", "pve1", json::Object{{"stop_containers", true}}));
  const json::Value result = json::parse(drained.result).value();
  ASSERT_EQ(result.at("stopping").array()->size(), 1U);
  EXPECT_EQ(result.at("stopping").array()->front().at("container").string_or(""), "web-1");
  await_all();
  EXPECT_EQ(status_of("web-1"), Status::stopped);
}

TEST_F(DrainTest, AContainerThatAWaitingJobWillMakeIsStoppedTooOnceItIsThere) {
  submit(run_job("j1", "web-1"));
  submit(job("d1", "node.drain", "pve1", json::Object{{"stop_containers", true}}));
  await_all();
  EXPECT_EQ(status_of("web-1"), Status::stopped);
}

TEST_F(DrainTest, AnotherNodesNameIsInvalid) {
  const Answer answer = submit(job("d1", "node.drain", "pve2"));
  EXPECT_EQ(answer.body.at("code").string_or(""), "invalid");
  EXPECT_THAT(std::string(answer.body.at("message").string_or("")), HasSubstr("pve1"));
}

}  // namespace
}  // namespace drover::jobs
