// What droverd tells the dispatchers of its front.
#include "agent/daemon/dispatch_links.h"

#include <gmock/gmock.h>

#include "messaging/dispatch/ledger_messages.h"
#include "node_fixture.h"

namespace drover::daemon {
namespace {

using messaging::Record;
using testing::IsEmpty;

class DispatchLinksTest : public jobs::NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    report_ = std::make_unique<jobs::NodeReport>(*journal_, *node_, nullptr);
    links_ = std::make_unique<DispatchLinks>(
        *books_, *report_, 2, [this](const Record& record) { sent_.push_back(record); });
  }
  void TearDown() override {
    links_.reset();
    report_.reset();
    NodeFixture::TearDown();
  }
  bool hear(std::string_view kind, std::int64_t link) {
    sent_.clear();
    return links_->handle(Record{{{"kind", kind}, {"link", link}}, "", ""});
  }
  std::vector<Record> beat() {
    sent_.clear();
    links_->beat();
    return sent_;
  }
  static std::string kind_of(const Record& record) {
    return std::string(json::Value(record.header).at("kind").string_or(""));
  }
  static std::int64_t link_of(const Record& record) {
    return json::Value(record.header).at("link").integer_or(0);
  }

  std::unique_ptr<jobs::NodeReport> report_;
  std::unique_ptr<DispatchLinks> links_;
  std::vector<Record> sent_;
};

TEST_F(DispatchLinksTest, ALinkHearsWhatThereIsOnceItIsUpAndWhenItAsks) {
  EXPECT_THAT(beat(), IsEmpty()) << "nobody hears it";
  for (const std::string_view kind : {"link.up", "hello.please"}) {
    EXPECT_TRUE(hear(kind, 5));
    ASSERT_EQ(sent_.size(), 1U);
    EXPECT_EQ(kind_of(sent_[0]), "node.hello");
    EXPECT_EQ(link_of(sent_[0]), 5);
    EXPECT_TRUE(dispatch::read_hello(json::parse(sent_[0].body).value(), ""));
  }
  ASSERT_EQ(beat().size(), 1U);
  EXPECT_EQ(kind_of(sent_[0]), "node.beat");
  const json::Value body = json::parse(sent_[0].body).value();
  EXPECT_TRUE(dispatch::read_heartbeat(body, ""));
  EXPECT_EQ(body.at("dispatchers").integer_or(0), 2);
  EXPECT_TRUE(hear("link.down", 5));
  EXPECT_THAT(beat(), IsEmpty());
  EXPECT_TRUE(hear("link.up", 6));
  links_->forget();
  EXPECT_THAT(beat(), IsEmpty());
  EXPECT_FALSE(hear("job.submit", 0));
  EXPECT_FALSE(hear("peer.gone", 0));
}

TEST_F(DispatchLinksTest, WhatNoEventTellsIsToldByAnotherHello) {
  hear("link.up", 5);
  hear("link.up", 6);
  config_.labels = {{"role", "web"}};  // as a new storage would be
  ASSERT_EQ(beat().size(), 3U);
  EXPECT_EQ(link_of(sent_[0]), 5);
  EXPECT_EQ(link_of(sent_[1]), 6);
  EXPECT_EQ(kind_of(sent_[2]), "node.beat");
  EXPECT_EQ(beat().size(), 1U);
}

TEST_F(DispatchLinksTest, MoreThanABodyComesInParts) {
  run(run_job("j1", "c-0000"));
  jobs::ContainerRow row = *journal_->container("c-0000").value();
  constexpr std::size_t kCount = 9000;
  for (std::size_t number = 1; number < kCount; ++number) {
    row.name = fmt::format("c-{:04}", number);
    ASSERT_TRUE(journal_->put_container(row));
  }
  hear("link.up", 5);
  ASSERT_GT(sent_.size(), 1U);
  std::string text;
  for (std::size_t i = 0; i < sent_.size(); ++i) {
    const json::Value header(sent_[i].header);
    EXPECT_EQ(header.at("part").integer_or(-1), static_cast<std::int64_t>(i));
    EXPECT_EQ(header.at("more").boolean_or(false), i + 1 < sent_.size());
    EXPECT_LE(sent_[i].body.size(), messaging::kMostBody);
    text += sent_[i].body;
  }
  const dispatch::Hello hello = dispatch::read_hello(json::parse(text).value(), "").value();
  EXPECT_EQ(hello.facts.containers.size(), kCount);
}

}  // namespace
}  // namespace drover::daemon
