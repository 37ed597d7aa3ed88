#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "fakes/fake_node.h"
#include "messaging/client/input_stream.h"

namespace drover::messaging {
namespace {

using fakes::FakeNode;
using fakes::FakeState;
using std::chrono::milliseconds;
using State = InputStream::State;

class ClientInput : public testing::Test {
 protected:
  void SetUp() override {
    Result<Client> client =
        Client::open(node_.bus(), ClientOptions{.connect_timeout = milliseconds(20'000)});
    ASSERT_TRUE(client) << client.error().message;
    client_.emplace(std::move(*client));
    node_.call([](FakeState& state, FakeNode::Faults&) {
      state.containers["web-1"] =
          fakes::FakeContainer{"crun", Status::running, "j1", {}, {}, std::nullopt};
    });
    for (int number = 0; number < 2000; ++number) {
      text_ += std::to_string(number) + "\n";
    }
  }
  void fault(const std::function<void(FakeNode::Faults&)>& set) {
    node_.call([&](FakeState&, FakeNode::Faults& faults) { set(faults); });
  }
  InputStream open() {
    Result<InputStream> stream = InputStream::to_container(*client_, "web-1");
    EXPECT_TRUE(stream) << stream.error().message;
    return std::move(*stream);
  }
  /// Gives the whole text with its end, until the stream is over.
  Result<> give_all(InputStream& stream) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (std::size_t at = 0; stream.state() != State::finished && stream.state() != State::ended;) {
      const std::string part = text_.substr(at, std::min<std::size_t>(stream.room(), 1000));
      stream.give(part);
      at += part.size();
      if (at == text_.size()) {
        stream.finish();
      }
      TRY(stream.work(client_->in(milliseconds(20'000)), stop_));
      if (std::chrono::steady_clock::now() > limit) {
        return fail(Code::timed_out, "at byte {}", at);
      }
    }
    return {};
  }
  FakeState::Input seen() {
    FakeState::Input input;
    node_.call([&](FakeState& state, FakeNode::Faults&) { input = state.inputs["web-1"]; });
    return input;
  }

  FakeNode node_;
  std::optional<Client> client_;
  std::string text_;
  system::Stop stop_;
};

TEST_F(ClientInput, GivesAllAndTheEndWithSmallCredit) {
  InputStream stream = open();
  const Result<> given = give_all(stream);
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(stream.state(), State::finished);
  EXPECT_EQ(seen().text, text_);
  EXPECT_TRUE(seen().finished);
  EXPECT_GT(node_.count("input.data"), text_.size() / 64);
}

TEST_F(ClientInput, GoesOnBehindWhatWasTakenWhenTheConnectionBreaks) {
  fault([](auto& faults) { faults.break_input_at = 3000; });
  InputStream stream = open();
  const Result<> given = give_all(stream);
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(seen().text, text_);
  EXPECT_GE(node_.count("input.open"), 2U);
}

TEST_F(ClientInput, SendsAgainWhatWasLost) {
  fault([](auto& faults) {
    faults.window = 1000;
    faults.lose_input_at = 3000;
  });
  InputStream stream = open();
  const Result<> given = give_all(stream);
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(seen().text, text_);
}

TEST_F(ClientInput, ANodeThatIsBusyGetsItLater) {
  InputStream stream = open();
  stream.give("one");
  while (seen().text.empty()) {
    ASSERT_TRUE(stream.work(client_->in(milliseconds(20'000)), stop_));
  }
  fault([](auto& faults) { faults.busy = 3; });
  const Result<> given = give_all(stream);
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(seen().text, "one" + text_);
}

TEST_F(ClientInput, WhatTheNodeCannotKnowIsNotSentAgain) {
  fault([](auto& faults) {
    faults.break_input_at = 3000;
    faults.doubt_input = true;
  });
  InputStream stream = open();
  const Result<> given = give_all(stream);
  ASSERT_FALSE(given);
  EXPECT_EQ(given.error().code, Code::broken);
  EXPECT_EQ(seen().text, text_.substr(0, seen().text.size()));
}

TEST_F(ClientInput, AProgramThatHasEndedIsTold) {
  InputStream stream = open();
  while (stream.state() != State::open) {
    ASSERT_TRUE(stream.work(client_->in(milliseconds(20'000)), stop_));
  }
  node_.call([](FakeState& state, FakeNode::Faults&) { state.finish("web-1", 0); });
  ASSERT_TRUE(give_all(stream));
  EXPECT_EQ(stream.state(), State::ended);
  EXPECT_FALSE(seen().finished);
}

TEST_F(ClientInput, ComesBackWhenThereIsMoreToGive) {
  InputStream stream = open();
  while (stream.state() != State::open) {
    ASSERT_TRUE(stream.work(client_->in(milliseconds(20'000)), stop_));
  }
  std::array<int, 2> pipe{};
  ASSERT_EQ(pipe2(pipe.data(), O_CLOEXEC), 0);
  ASSERT_EQ(write(pipe[1], "x", 1), 1);
  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(stream.work(client_->in(milliseconds(20'000)), stop_, std::array{pipe[0]}));
  EXPECT_LT(std::chrono::steady_clock::now() - before, milliseconds(10'000));
  stop_.request();
  EXPECT_EQ(stream.work(client_->in(milliseconds(20'000)), stop_).error().code, Code::cancelled);
  close(pipe[0]);
  close(pipe[1]);
}

TEST_F(ClientInput, ClosesWhatItLeaves) {
  {
    InputStream stream = open();
    while (stream.state() != State::open) {
      ASSERT_TRUE(stream.work(client_->in(milliseconds(20'000)), stop_));
    }
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (node_.count("input.close") == 0 && std::chrono::steady_clock::now() < until) {
  }
  EXPECT_EQ(node_.count("input.close"), 1U);
}

}  // namespace
}  // namespace drover::messaging
