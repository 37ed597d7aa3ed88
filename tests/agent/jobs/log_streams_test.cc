// How many logs are sent at once, and to whom.
#include "agent/jobs/queries/log_streams.h"

#include <gmock/gmock.h>

#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;

class LogStreamsTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    run(run_job("j1", "web-1"));
    run(job("j2", "container.exec", "web-1", {{"command", json::Array{"id"}}}));
    streams_ = std::make_unique<LogStreams>(
        *loop_, *journal_, layout_,
        [](const LogStreams::Address&, std::string_view, const json::Object&, const std::string&,
           const std::string&) {});
  }
  void TearDown() override {
    streams_.reset();
    NodeFixture::TearDown();
  }
  /// One that stays open, because its client takes nothing.
  Result<> open(std::uint64_t peer, std::uint64_t request) {
    return streams_->open({peer, request}, json::Object{{"of", "job.log"}, {"id", "j2"}});
  }
  /// As many as it may have.
  std::uint64_t open_all_of(std::uint64_t peer) {
    std::uint64_t opened = 0;
    while (open(peer, opened)) {
      ++opened;
    }
    return opened;
  }

  std::unique_ptr<LogStreams> streams_;
};

TEST_F(LogStreamsTest, OneConnectionLeavesStreamsToOthers) {
  EXPECT_EQ(open_all_of(7), 128U);
  EXPECT_THAT(open(7, 1000).error().message, HasSubstr("128 of this connection are open"));
  EXPECT_EQ(open_all_of(6), 128U);
  EXPECT_THAT(open(8, 1).error().message, HasSubstr("256 are open"));
  streams_->close({7, 5});
  EXPECT_TRUE(open(8, 1));
}

}  // namespace
}  // namespace drover::jobs
