// What the agent finds out of its cluster, and tells.
#include "agent/jobs/reconcile/cluster_watch.h"

#include <gmock/gmock.h>
#include <sys/epoll.h>

#include <algorithm>

#include "agent/jobs/maintenance.h"
#include "books_fixture.h"
#include "fakes/fake_cluster.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ClusterWatchTest : public BooksFixture {
 protected:
  void SetUp() override {
    BooksFixture::SetUp();
    loop_.watch(books_->fd(), EPOLLIN, [this](std::uint32_t) { books_->serve(); });
    loop_.at_turn_end([this] { books_->commit(); });
    begin();
  }
  void TearDown() override { end(); }
  void begin() {
    watch_ = std::make_unique<ClusterWatch>(loop_, *books_, clock_, ha_,
                                            ClusterWatch::Options{"node1", "pve1"});
    watch_->at_change([this] { ++changes_; });
    ASSERT_TRUE(watch_->start());
  }
  void end() {
    books_->close();
    watch_.reset();
  }
  void begin_another_agent() {
    end();
    loop_.unwatch(books_->fd());
    books_.reset();
    journal_.reset();
    SetUp();
  }
  /// Comes back when the watch knows the answer to a question that is asked from now on. It asks
  /// the next one only once an answer is noted.
  void look() {
    const int asked = api_.asked();
    while (api_.asked() < asked + 2) {
      clock_.advance(std::chrono::seconds(1));
      loop_.turn(std::chrono::milliseconds(1));
    }
  }
  std::vector<std::string> told() const {
    std::vector<std::string> what;
    for (const Event& event : published_) {
      EXPECT_EQ(event.kind + " " + event.object, "node node1");
      what.push_back(event.what);
    }
    return what;
  }
  json::Value view() const { return json::Value(watch_->view()); }

  system::Loop loop_{clock_};
  fakes::FakeCluster api_;
  proxmox::Ha ha_{api_};
  std::unique_ptr<ClusterWatch> watch_;
  int changes_ = 0;
};

TEST_F(ClusterWatchTest, WhereAllIsWellNothingIsTold) {
  EXPECT_TRUE(view().at("quorate").is_null());
  look();
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_TRUE(view().at("quorate").boolean_or(false));
  EXPECT_EQ(view().at("ha_state").string_or(""), "online");
  EXPECT_TRUE(view().at("maintenance_since").is_null());
  EXPECT_FALSE(watch_->lacks_quorum());
}

TEST_F(ClusterWatchTest, ALostQuorumIsToldOnceAndAgainWhenItIsBack) {
  look();
  api_.set_quorate(false);
  look();
  look();
  EXPECT_THAT(told(), ElementsAre("quorum_lost"));
  EXPECT_TRUE(watch_->lacks_quorum());
  EXPECT_FALSE(view().at("quorate").boolean_or(true));
  EXPECT_GT(view().at("no_quorum_since").integer_or(0), 0);
  api_.set_quorate(true);
  look();
  EXPECT_THAT(told(), ElementsAre("quorum_lost", "quorum_restored"));
  EXPECT_FALSE(watch_->lacks_quorum());
  EXPECT_EQ(changes_, 2);
}

TEST_F(ClusterWatchTest, MaintenanceIsEnteredAndLeft) {
  api_.set_maintenance(true);
  look();
  look();
  EXPECT_EQ(maintenance(*journal_).value()->node, "pve1");
  EXPECT_EQ(view().at("ha_state").string_or(""), "maintenance");
  EXPECT_GT(view().at("maintenance_since").integer_or(0), 0);
  api_.set_maintenance(false);
  look();
  EXPECT_THAT(told(), ElementsAre("maintenance_entered", "maintenance_left"));
  EXPECT_THAT(std::string(published_[0].data.find("message")->string_or("")),
              HasSubstr("ha-manager crm-command node-maintenance disable pve1"));
  EXPECT_FALSE(maintenance(*journal_).value());
}

TEST_F(ClusterWatchTest, WhatIsToldOutlivesTheAgent) {
  api_.set_quorate(false);
  api_.set_maintenance(true);
  look();
  const std::int64_t since = view().at("maintenance_since").integer_or(0);
  const auto before = told();
  begin_another_agent();
  // Before it has asked.
  EXPECT_TRUE(watch_->lacks_quorum());
  EXPECT_EQ(view().at("maintenance_since").integer_or(0), since);
  look();
  EXPECT_EQ(told(), before);
  EXPECT_EQ(view().at("maintenance_since").integer_or(0), since);
}

TEST_F(ClusterWatchTest, WhatCannotBeAskedStaysAsItWas) {
  api_.set_quorate(false);
  look();
  api_.set_error(Error{Code::unavailable, "connect: refused", {}});
  look();
  EXPECT_TRUE(watch_->lacks_quorum());
  EXPECT_EQ(view().at("message").string_or(""),
            "ask how the HA manager sees this node: connect: refused");
  api_.set_error(std::nullopt);
  look();
  EXPECT_TRUE(view().at("message").is_null());
  EXPECT_THAT(told(), ElementsAre("quorum_lost"));
}

TEST_F(ClusterWatchTest, ATokenThatIsGoodNoMoreEndsNeitherMaintenanceNorTheWait) {
  api_.set_quorate(false);
  api_.set_maintenance(true);
  look();
  for (const char* message : {"401 authentication failure", "its certificate is not trusted"}) {
    api_.set_error(Error{Code::refused, message, {}});
    look();
    EXPECT_TRUE(watch_->lacks_quorum());
    EXPECT_TRUE(maintenance(*journal_).value());
    EXPECT_THAT(std::string(view().at("message").string_or("")), HasSubstr(message));
  }
  EXPECT_THAT(told(), ElementsAre("quorum_lost", "maintenance_entered"));
}

TEST_F(ClusterWatchTest, AnErrorAfterAnAnswerOfTheSameTurnChangesNothing) {
  look();
  api_.set_error(Error{Code::unavailable, "connect: refused", {}});
  look();
  // A worker's answer, which is noted and not yet committed when the next error comes.
  ASSERT_TRUE(journal_->set_fact("no_quorum", "1700000000000"));
  ASSERT_TRUE(set_maintenance(*journal_, Maintenance{1'700'000'000'000, "pve1"}));
  look();
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(view().at("no_quorum_since").integer_or(0), 1'700'000'000'000);
  EXPECT_EQ(view().at("maintenance_since").integer_or(0), 1'700'000'000'000);
  EXPECT_FALSE(view().at("quorate").boolean_or(true));
}

TEST_F(ClusterWatchTest, WhatIsWatchedNoMoreIsForgotten) {
  api_.set_quorate(false);
  api_.set_maintenance(true);
  look();
  end();
  published_.clear();
  ASSERT_TRUE(forget_cluster(*books_, "node1"));
  ASSERT_TRUE(forget_cluster(*books_, "node1"));
  books_->commit();
  EXPECT_THAT(told(), ElementsAre("quorum_restored", "maintenance_left"));
  EXPECT_FALSE(maintenance(*journal_).value());
  begin_another_agent();
  EXPECT_FALSE(watch_->lacks_quorum());
}

TEST_F(ClusterWatchTest, WhoMayNotKnowIsKeptFromNothing) {
  api_.set_quorate(false);
  api_.set_maintenance(true);
  look();
  api_.set_error(Error{Code::refused, "403 Permission check failed (/, Sys.Audit)", {}});
  look();
  look();
  EXPECT_THAT(told(), ElementsAre("quorum_lost", "maintenance_entered", "quorum_restored",
                                  "maintenance_left"));
  EXPECT_THAT(std::string(published_[2].data.find("message")->string_or("")),
              HasSubstr("Sys.Audit"));
  EXPECT_TRUE(view().at("quorate").is_null());
}

TEST_F(ClusterWatchTest, ItLooksEveryTenSecondsAndEveryTwoWithoutAQuorum) {
  look();
  const auto pause = [this] {
    const int asked = api_.asked();
    const auto from = clock_.now();
    while (api_.asked() == asked) {
      clock_.advance(std::chrono::seconds(1));
      loop_.turn(std::chrono::milliseconds(20));
    }
    return std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - from).count();
  };
  pause();
  EXPECT_GE(pause(), 10);
  api_.set_quorate(false);
  look();
  EXPECT_LT(pause(), 10);
}

TEST_F(ClusterWatchTest, AWorkerThatAsksKnowsWhatIsNow) {
  look();
  api_.set_quorate(false);
  bool lacks = false;
  std::atomic<bool> done = false;
  std::thread worker([&] {
    const system::Stop never;
    lacks = watch_->look(never);
    done = true;
  });
  while (!done) {
    loop_.turn(std::chrono::milliseconds(5));
  }
  worker.join();
  EXPECT_TRUE(lacks);
  EXPECT_THAT(told(), ElementsAre("quorum_lost"));
}

}  // namespace
}  // namespace drover::jobs
