// Connections of clients to ports inside containers.
#include "agent/jobs/queries/port_streams.h"

#include <gmock/gmock.h>

#include <chrono>

#include "fakes/inner_listener.h"
#include "messaging/message.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using Address = PortStreams::Address;
using testing::HasSubstr;

class PortStreamsTest : public NodeFixture {
 protected:
  struct Told {
    Address to;
    std::string kind;
    json::Value body;
    std::string data;
  };

  void SetUp() override {
    NodeFixture::SetUp();
    ASSERT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
    ports_ = std::make_unique<PortStreams>(
        *loop_, *journal_, *node_,
        [this](const Address& to, std::string_view kind, json::Object, std::string body,
               std::string data) {
          told_.push_back({to, std::string(kind), json::parse(body).value(), std::move(data)});
        });
  }
  void TearDown() override {
    ports_.reset();
    NodeFixture::TearDown();
  }
  Result<> open(std::uint64_t request, std::uint64_t port = 80, std::uint64_t until = 0,
                const std::string& name = "web-1") {
    return ports_->open({7, request},
                        json::Object{{"name", name}, {"port", port}, {"until", until}});
  }
  /// What is told of this kind next; all before it is dropped.
  Told await(std::string_view kind) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < limit) {
      const auto found = std::find_if(told_.begin(), told_.end(),
                                      [&](const Told& told) { return told.kind == kind; });
      if (found != told_.end()) {
        Told told = *found;
        told_.erase(told_.begin(), found + 1);
        return told;
      }
      loop_->turn(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "no " << kind;
    return {};
  }
  static json::Object offset(std::uint64_t at) { return {{"offset", at}}; }
  static system::Path netns() { return runtimes::Layout::netns(*ContainerName::parse("web-1")); }

  std::unique_ptr<PortStreams> ports_;
  std::vector<Told> told_;
};

TEST_F(PortStreamsTest, BothWaysGoByTheirOffsetsAndEndByThemselves) {
  fakes::InnerListener listener(netns(), 80, "answer");
  ASSERT_TRUE(open(1, 80, 3));
  EXPECT_EQ(ports_->take({7, 1}, 0, "early").error().code, Code::invalid);
  EXPECT_EQ(await("port.opened").body.at("until").integer_or(0),
            static_cast<std::int64_t>(PortStreams::kWindow));
  ASSERT_TRUE(ports_->take({7, 1}, 3, "late"));
  EXPECT_EQ(await("port.taken").body.at("from").integer_or(-1), 0);
  ASSERT_TRUE(ports_->take({7, 1}, 0, "question"));
  EXPECT_EQ(await("port.taken").body.at("offset").integer_or(-1), 8);
  EXPECT_EQ(await("port.data").data, "ans") << "no more than was allowed";
  EXPECT_EQ(listener.request(), "question");
  ASSERT_TRUE(ports_->credit({7, 1}, json::Object{{"until", 100}}));
  EXPECT_EQ(await("port.data").data, "wer");
  EXPECT_EQ(await("port.end").body.at("offset").integer_or(-1), 6);
  ASSERT_TRUE(ports_->finish({7, 1}, offset(8)));
  EXPECT_TRUE(await("port.taken").body.at("finished").boolean_or(false));
  EXPECT_EQ(ports_->take({7, 1}, 8, "x").error().code, Code::not_found);
}

TEST_F(PortStreamsTest, WhereNobodyListensOrNothingRunsIsTold) {
  ASSERT_TRUE(open(1));
  const Told told = await("error");
  EXPECT_EQ(told.body.at("code").string_or(""), "conflict");
  EXPECT_THAT(std::string(told.body.at("message").string_or("")),
              HasSubstr("port 80 in container web-1: Connection refused: no program listens"));
  EXPECT_EQ(open(1, 80, 0, "web-2").error().code, Code::not_found);
  EXPECT_EQ(open(1, 0).error().code, Code::invalid);
  EXPECT_EQ(open(1, 65'536).error().code, Code::invalid);
  ASSERT_EQ(run(job("j2", "container.stop", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(open(1).error().code, Code::conflict);
}

TEST_F(PortStreamsTest, ConnectionsEndWithTheirContainerAndTheirClient) {
  const fakes::InnerListener listener(netns(), 80);
  ASSERT_TRUE(open(1, 80, 100));
  await("port.opened");
  ASSERT_TRUE(open(2, 80, 100));
  await("port.opened");
  EXPECT_EQ(open(2).error().code, Code::conflict) << "its number is in use";
  ports_->ended("web-10");
  EXPECT_TRUE(ports_->take({7, 1}, 0, "x"));
  ports_->close({7, 1});
  EXPECT_EQ(ports_->take({7, 1}, 1, "x").error().code, Code::not_found);
  ports_->ended("web-1");
  EXPECT_THAT(std::string(await("error").body.at("message").string_or("")),
              HasSubstr("container web-1 has ended"));
  // One that is not established yet is nobody's any more.
  ASSERT_TRUE(open(3, 80, 100));
  ports_->close_of(7);
  ASSERT_TRUE(open(4, 80, 100));
  await("port.opened");
  EXPECT_EQ(ports_->take({7, 3}, 0, "x").error().code, Code::not_found);
}

}  // namespace
}  // namespace drover::jobs
