#include "agent/jobs/keep/log_turner.h"

#include <chrono>

#include "keeper_fixture.h"

namespace drover::jobs {
namespace {

using namespace std::chrono_literals;

class LogTurnerTest : public KeeperFixture {
 protected:
  void SetUp() override {
    KeeperFixture::SetUp();
    start_turning();
  }
  void TearDown() override {
    turner_.reset();
    KeeperFixture::TearDown();
  }
  void start_turning() {
    turner_ = std::make_unique<LogTurner>(*loop_, *books_, *node_);
    react_ = [this](const Event& event) {
      keeper_->hear(event);
      turner_->hear(event);
    };
    EXPECT_TRUE(turner_->take_up());
  }
  /// How often the log was looked at in so many seconds.
  int looks(const std::string& name, int seconds) {
    const int before = runtime_.log_looks(name);
    for (int i = 0; i < seconds; ++i) {
      clock_.advance(1s);
      settle();
    }
    return runtime_.log_looks(name) - before;
  }

  std::unique_ptr<LogTurner> turner_;
};

TEST_F(LogTurnerTest, LogsOfThoseThatRunAreLookedAtEachSecond) {
  EXPECT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
  settle();
  EXPECT_EQ(looks("web-1", 3), 3);
  crash("web-1");
  settle();
  EXPECT_EQ(looks("web-1", 3), 0);
}

TEST_F(LogTurnerTest, TheNextAgentLooksAtThemToo) {
  EXPECT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
  settle();
  turner_.reset();
  restart_agent();
  start_turning();
  EXPECT_EQ(looks("web-1", 2), 2);
}

TEST_F(LogTurnerTest, AJobMayHaveLessKeptThanTheNodeWouldAndNoMore) {
  config_.log.max_size_mib = 4;
  config_.log.max_files = 3;
  const auto outcome = [this](const std::string& id, const json::Object& log) {
    json::Object request = run_job(id, id);
    request.find("spec")->object()->set("log", log);
    return submit(request);
  };
  EXPECT_EQ(outcome("j1", {{"max_size_mib", 6}, {"max_files", 2}}).kind, "job.accepted");
  const auto refused = outcome("j2", {{"max_size_mib", 5}});
  EXPECT_EQ(refused.kind, "error");
  EXPECT_NE(json::write(refused.body).find("log.max_size_mib"), std::string::npos);
}

}  // namespace
}  // namespace drover::jobs
