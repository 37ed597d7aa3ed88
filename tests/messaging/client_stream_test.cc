#include <gtest/gtest.h>

#include <chrono>

#include "fakes/fake_node.h"
#include "messaging/client/stream.h"

namespace drover::messaging {
namespace {

using fakes::FakeNode;
using fakes::FakeState;
using std::chrono::milliseconds;

class ClientStream : public testing::Test {
 protected:
  void SetUp() override {
    Result<Client> client =
        Client::open(node_.bus(), ClientOptions{.connect_timeout = milliseconds(20'000)});
    ASSERT_TRUE(client) << client.error().message;
    client_.emplace(std::move(*client));
    node_.call([this](FakeState& state, FakeNode::Faults&) {
      for (int i = 0; i < 100; ++i) {
        log_ += "line " + std::to_string(i) + "\n";
      }
      state.containers["web-1"] =
          fakes::FakeContainer{"crun", Status::running, "j1", {}, log_, std::nullopt};
    });
  }
  void fault(const std::function<void(FakeNode::Faults&)>& set) {
    node_.call([&](FakeState&, FakeNode::Faults& faults) { set(faults); });
  }
  Stream open(const StreamOptions& options) {
    Result<Stream> stream = Stream::container_log(*client_, "web-1", options);
    EXPECT_TRUE(stream) << stream.error().message;
    return std::move(*stream);
  }
  /// Reads until `most` bytes are there or the stream ends.
  std::string read(Stream& stream, std::size_t most = SIZE_MAX) {
    std::string text;
    while (text.size() < most && !stream.ended()) {
      const auto data = stream.next(client_->in(milliseconds(20'000)), stop_);
      EXPECT_TRUE(data) << data.error().message;
      if (!data || (!data->has_value() && !stream.ended())) {
        ADD_FAILURE() << "the stream gave nothing more at " << text.size();
        break;
      }
      text += data->value_or("");
    }
    return text;
  }

  FakeNode node_;
  std::optional<Client> client_;
  std::string log_;
  system::Stop stop_;
};

TEST_F(ClientStream, ReadsALogToItsEndWithSmallCredit) {
  Stream stream = open({.window = 20});
  EXPECT_EQ(read(stream), log_);
  EXPECT_TRUE(stream.ended());
  EXPECT_EQ(stream.offset(), log_.size());
  EXPECT_GT(node_.count("stream.credit"), 10U);
}

TEST_F(ClientStream, BeginsWhereItIsAsked) {
  Stream stream = open({.offset = 100});
  EXPECT_EQ(read(stream), log_.substr(100));
}

TEST_F(ClientStream, FollowsUntilTheContainerHasStopped) {
  Stream stream = open({.follow = true});
  EXPECT_EQ(read(stream, log_.size()), log_);
  EXPECT_FALSE(stream.ended());
  node_.call([](FakeState& state, FakeNode::Faults&) {
    state.containers.at("web-1").log += "last\n";
    state.finish("web-1", 0);
  });
  EXPECT_EQ(read(stream), "last\n");
  EXPECT_TRUE(stream.ended());
}

TEST_F(ClientStream, ResumesByOffsetWhenTheConnectionBreaks) {
  fault([](auto& faults) { faults.break_at = 300; });
  Stream stream = open({});
  EXPECT_EQ(read(stream), log_);
  EXPECT_EQ(node_.count("stream.open"), 2U);
}

TEST_F(ClientStream, AsksAgainForBytesThatWereLost) {
  fault([](auto& faults) { faults.skip_at = 300; });
  Stream stream = open({});
  EXPECT_EQ(read(stream), log_);
}

TEST_F(ClientStream, ALostEndOfTheLogIsAskedForAgain) {
  fault([this](auto& faults) {
    faults.chunk = 100;
    faults.skip_at = log_.size() - 100;
  });
  Stream stream = open({});
  EXPECT_EQ(read(stream), log_);
}

TEST_F(ClientStream, ALogThatCannotBeReadToItsEndIsAnError) {
  fault([](auto& faults) { faults.unreadable_at = 40; });
  Stream stream = open({});
  EXPECT_EQ(read(stream, 40), log_.substr(0, 40));
  const auto more = stream.next(client_->in(milliseconds(20'000)), stop_);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().message, "the log could not be read beyond byte 40: Input/output error");
}

TEST_F(ClientStream, GoesOnBehindWhatIsGone) {
  fault([](auto& faults) { faults.begins = 250; });
  Stream stream = open({.offset = 100});
  EXPECT_EQ(read(stream), log_.substr(250));
  EXPECT_TRUE(stream.raw());
  EXPECT_EQ(stream.offset(), log_.size());
  EXPECT_EQ(node_.count("stream.open"), 1U);
}

TEST_F(ClientStream, BytesThatWereLostBehindThoseThatAreGoneAreAskedForAgain) {
  fault([](auto& faults) {
    faults.begins = 250;
    faults.skip_at = 250;
  });
  Stream stream = open({});
  EXPECT_EQ(read(stream), log_.substr(250));
}

TEST_F(ClientStream, WaitsForALogThatIsFollowedAndNotWrittenYet) {
  fault([](auto& faults) { faults.not_written = "web-1"; });
  Stream stream = open({.follow = true});
  const auto none = stream.next(client_->in(milliseconds(150)), stop_);
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_FALSE(none->has_value());
  fault([](auto& faults) { faults.not_written.clear(); });
  EXPECT_EQ(read(stream, log_.size()), log_);
}

TEST_F(ClientStream, WhatDoesNotExistIsNotFound) {
  Result<Stream> stream = Stream::job_log(*client_, "j9", {.follow = true});
  ASSERT_TRUE(stream);
  const auto data = stream->next(client_->in(milliseconds(20'000)), stop_);
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().code, Code::not_found);
}

TEST_F(ClientStream, ClosesWhatItDoesNotReadToTheEnd) {
  {
    Stream stream = open({.follow = true});
    read(stream, 8);
  }
  // The close is on its way when the destructor returns.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (node_.count("stream.close") == 0 && std::chrono::steady_clock::now() < until) {
  }
  EXPECT_EQ(node_.count("stream.close"), 1U);
}

TEST_F(ClientStream, StopsWhenAsked) {
  Stream stream = open({.follow = true});
  read(stream, log_.size());
  stop_.request();
  const auto data = stream.next(client_->in(milliseconds(20'000)), stop_);
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().code, Code::cancelled);
}

}  // namespace
}  // namespace drover::messaging
