#include "messaging/pair.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <optional>

namespace drover::messaging {
namespace {

class PairTest : public testing::Test {
 protected:
  void SetUp() override {
    auto fds = Pair::make();
    ASSERT_TRUE(fds);
    raw_ = fds->second.get();
    near_.emplace(std::move(fds->first), 1U << 20);
    far_.emplace(std::move(fds->second));
  }
  std::optional<Pair> near_;
  std::optional<Pair> far_;
  int raw_ = -1;
};

TEST_F(PairTest, RecordsComeInOrder) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(near_->send({{{"n", i}}, "body", ""}));
  }
  int next = 0;
  while (next < 1000) {
    ASSERT_TRUE(near_->flush());
    const auto records = far_->receive();
    ASSERT_TRUE(records) << records.error().message;
    ASSERT_FALSE(records->empty());
    for (const Record& record : *records) {
      EXPECT_EQ(record.header.find("n")->integer_or(-1), next++);
    }
  }
  EXPECT_TRUE(far_->receive()->empty());
}

TEST_F(PairTest, TheLargestRecordTravels) {
  ASSERT_TRUE(
      near_->send({{{"kind", "x"}}, std::string(kMostBody, 'b'), std::string(kMostData, 'd')}));
  ASSERT_TRUE(near_->flush());
  EXPECT_TRUE(near_->all_sent());
  const auto records = far_->receive();
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 1U);
  EXPECT_EQ(records->at(0).body.size(), kMostBody);
}

TEST_F(PairTest, AFullQueueTakesNoMoreAndDrains) {
  const Record record{{{"kind", "x"}}, std::string(100'000, 'b'), ""};
  std::size_t taken = 0;
  while (near_->send(record)) {
    ASSERT_TRUE(near_->flush());
    ASSERT_LT(++taken, 1000U);
  }
  EXPECT_EQ(near_->send(record).error().code, Code::unavailable);
  EXPECT_EQ(near_->events(), static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT));
  std::size_t come = 0;
  while (come < taken) {
    const auto records = far_->receive();
    ASSERT_TRUE(records);
    come += records->size();
    ASSERT_TRUE(near_->flush());
  }
  EXPECT_EQ(come, taken);
  EXPECT_TRUE(near_->all_sent());
  EXPECT_TRUE(near_->send(record));
}

TEST_F(PairTest, WhatCameBeforeTheEndIsStillHandedOut) {
  ASSERT_TRUE(near_->send({{{"kind", "last"}}, "", ""}));
  ASSERT_TRUE(near_->flush());
  near_.reset();
  const auto records = far_->receive();
  ASSERT_TRUE(records);
  EXPECT_EQ(records->size(), 1U);
  EXPECT_EQ(far_->receive().error().code, Code::unavailable);
  ASSERT_TRUE(far_->send({{{"kind", "x"}}, "", ""}));
  EXPECT_EQ(far_->flush().error().code, Code::unavailable);
}

TEST_F(PairTest, GarbageIsInvalid) {
  ASSERT_EQ(::send(raw_, "garbage", 7, 0), 7);
  EXPECT_EQ(near_->receive().error().code, Code::invalid);
}

}  // namespace
}  // namespace drover::messaging
