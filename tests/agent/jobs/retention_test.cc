// What the journal forgets and what it must not.
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "agent/core/ids.h"
#include "agent/jobs/journal/housekeeping.h"
#include "agent/system/loop.h"
#include "fakes/fake_clock.h"
#include "fakes/temp_folder.h"

namespace drover::jobs {
namespace {

using std::chrono::hours;

class Retention : public testing::Test {
 protected:
  void SetUp() override {
    layout_.state = folder_.path();
    std::filesystem::create_directories(layout_.job_logs());
    open();
  }
  void open() {
    journal_.reset();
    auto opened = Journal::open(layout_.journal(), clock_);
    ASSERT_TRUE(opened) << to_text(opened.error());
    journal_ = std::move(*opened);
    books_ = std::make_unique<Books>(*journal_, [](const std::vector<Event>&) {});
  }
  /// An ended job with a step and a log.
  void add_job(const std::string& id, const std::string& target = "web-1") {
    const std::int64_t now = clock_.unix_ms();
    ASSERT_TRUE(
        journal_->add_job({id, "container.run", target, "{}", JobState::queued, "null", now, 0}));
    ASSERT_TRUE(journal_->put_step({id, 1, "folder.make", "", StepState::done, "null"}));
    ASSERT_TRUE(journal_->set_job(id, JobState::succeeded, "null", now));
    std::filesystem::create_directories(layout_.job_logs() / id);
    std::ofstream(layout_.job_logs() / id / "log") << "text\n";
  }
  Event tell(const std::string& kind, const std::string& object) {
    return journal_->add_event(Event{.kind = kind, .object = object, .what = "told"}).value();
  }
  /// Everything there is to do, slice by slice; the most rows' worth of time is the loop's own.
  void keep_house() {
    Housekeeping housekeeping(loop_, *books_, clock_, config_, layout_);
    loop_.at_turn_end([this] { books_->commit(); });
    housekeeping.start();
    for (int slice = 0; slice < 200; ++slice) {
      clock_.advance(std::chrono::milliseconds(20));
      loop_.turn(std::chrono::milliseconds(0));
    }
  }
  std::int64_t rows(const std::string& table) {
    sqlite3* raw = nullptr;
    EXPECT_EQ(sqlite3_open(layout_.journal().c_str(), &raw), SQLITE_OK);
    sqlite3_stmt* count = nullptr;
    const std::string sql = "SELECT count(*) FROM " + table;
    EXPECT_EQ(sqlite3_prepare_v2(raw, sql.c_str(), -1, &count, nullptr), SQLITE_OK);
    sqlite3_step(count);
    const std::int64_t found = sqlite3_column_int64(count, 0);
    sqlite3_finalize(count);
    sqlite3_close(raw);
    return found;
  }

  fakes::TempFolder folder_;
  fakes::FakeClock clock_;
  Config config_;
  runtimes::Layout layout_;
  system::Loop loop_{clock_};
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Books> books_;
};

TEST_F(Retention, AnEndedJobGoesAfterTheDedupeWindowWithItsStepsAndLog) {
  add_job("old");
  clock_.advance(hours(24));
  add_job("young");
  clock_.advance(hours(6 * 24 + 1));
  keep_house();
  EXPECT_FALSE(journal_->job("old").value());
  EXPECT_TRUE(journal_->steps("old").value().empty());
  EXPECT_FALSE(std::filesystem::exists(layout_.job_logs() / "old"));
  EXPECT_TRUE(journal_->job("young").value());
  EXPECT_EQ(journal_->steps("young").value().size(), 1U);
  EXPECT_TRUE(std::filesystem::exists(layout_.job_logs() / "young" / "log"));
}

TEST_F(Retention, TheJobThatMadeAContainerStaysAsLongAsTheContainer) {
  add_job("maker");
  ASSERT_TRUE(journal_->put_container({"web-1", "runc", "maker", "{}", Status::running, {}, 1}));
  clock_.advance(hours(24 * 30));
  keep_house();
  EXPECT_EQ(journal_->steps("maker").value().size(), 1U);
  ASSERT_TRUE(journal_->erase_container("web-1"));
  keep_house();
  EXPECT_FALSE(journal_->job("maker").value());
}

TEST_F(Retention, AJobThatHasNotEndedStaysHoweverOldItIs) {
  ASSERT_TRUE(journal_->add_job(
      {"waits", "container.stop", "web-1", "{}", JobState::queued, "null", 1, 0}));
  clock_.advance(hours(24 * 300));
  keep_house();
  EXPECT_TRUE(journal_->job("waits").value());
}

TEST_F(Retention, AnIdDatedAheadIsRememberedUntilItExpires) {
  const std::string ahead = make_uuid7(static_cast<std::uint64_t>(clock_.unix_ms() + 3'600'000));
  add_job(ahead);
  clock_.advance(hours(7 * 24) + std::chrono::minutes(1));
  keep_house();
  EXPECT_TRUE(journal_->job(ahead).value());
  clock_.advance(hours(1));
  keep_house();
  EXPECT_FALSE(journal_->job(ahead).value());
}

TEST_F(Retention, EventsGoByAgeAndByNumberAndLeaveNoGap) {
  for (int i = 0; i < 3000; ++i) {
    tell("container", "web-1");
  }
  clock_.advance(hours(24 * 8));
  tell("container", "web-1");
  ASSERT_TRUE(journal_->commit());
  keep_house();
  EXPECT_EQ(journal_->oldest_event().value(), 3001U);
  config_.journal.keep_events = 1000;
  for (int i = 0; i < 1500; ++i) {
    tell("container", "web-1");
  }
  keep_house();
  EXPECT_EQ(journal_->head(), 4501U);
  EXPECT_EQ(journal_->oldest_event().value(), 3502U);
  EXPECT_EQ(journal_->events(0, 5000).value().size(), 1000U);
}

TEST_F(Retention, EventsGoByTheirSizeToo) {
  config_.journal.keep_events_mib = 1;
  const auto told = [&](int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(journal_->add_event(Event{.kind = "container",
                                            .object = "web-1",
                                            .what = "told",
                                            .data = {{"text", std::string(4000, 'x')}}}));
    }
    ASSERT_TRUE(journal_->commit());
  };
  told(200);
  keep_house();
  EXPECT_EQ(journal_->oldest_event().value(), 1U) << "800 KiB are not too much";
  told(200);
  keep_house();
  const std::uint64_t oldest = journal_->oldest_event().value();
  EXPECT_GT(oldest, 140U);
  EXPECT_LT(oldest, 160U);
  EXPECT_EQ(journal_->find_events(0, 500, {}).value().events.size(), 401 - oldest);
  // The next agent measures anew what it finds.
  open();
  told(100);
  keep_house();
  EXPECT_GT(journal_->oldest_event().value(), 240U);
  EXPECT_LT(journal_->oldest_event().value(), 260U);
}

TEST_F(Retention, WithoutEventsTheOldestIsTheNextOne) {
  EXPECT_EQ(journal_->oldest_event().value(), 1U);
  tell("job", "j1");
  clock_.advance(hours(24 * 8));
  keep_house();
  EXPECT_EQ(journal_->oldest_event().value(), 2U);
  EXPECT_EQ(tell("job", "j2").seq, 2U);
}

TEST_F(Retention, CountersOfObjectsThatAreGoneGoAndNoNumberIsGivenTwice) {
  for (int i = 0; i < 2000; ++i) {
    tell("job", "j" + std::to_string(i));
  }
  Event last;
  for (int i = 0; i < 9; ++i) {
    last = tell("container", "web-1");
  }
  EXPECT_EQ(last.oseq, 9U);
  ASSERT_TRUE(journal_->put_container({"lives", "runc", "j1", "{}", Status::running, {}, 1}));
  EXPECT_EQ(tell("container", "lives").oseq, 1U);
  EXPECT_EQ(tell("volume", "data").oseq, 1U);
  EXPECT_EQ(tell("node", "node1").oseq, 1U);
  ASSERT_TRUE(journal_->put_volume({.name = "data"}));
  clock_.advance(hours(24 * 8));
  keep_house();
  EXPECT_LT(rows("counters"), 10);
  EXPECT_EQ(tell("container", "web-1").oseq, 10U) << "the name is used again: it goes on";
  EXPECT_EQ(tell("container", "web-1").oseq, 11U);
  EXPECT_EQ(tell("container", "lives").oseq, 2U) << "one that exists is counted on";
  EXPECT_EQ(tell("volume", "data").oseq, 2U);
  EXPECT_EQ(tell("node", "node1").oseq, 2U);
  EXPECT_GT(tell("container", "new").oseq, 9U);
  const Event event = tell("job", "j2000");
  EXPECT_EQ(event.kseq, 2001U);
  EXPECT_EQ(event.seq, 2019U);
}

TEST_F(Retention, TheFileBecomesSmallAgain) {
  const std::string text(900, 'x');
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(journal_->add_event(
        Event{.kind = "container", .object = "web-1", .what = "told", .data = {{"text", text}}}));
  }
  ASSERT_TRUE(journal_->commit());
  open();  // writes back what the log holds
  const auto large = std::filesystem::file_size(layout_.journal());
  ASSERT_GT(large, 15U << 20);
  clock_.advance(hours(24 * 8));
  keep_house();
  open();
  EXPECT_LT(std::filesystem::file_size(layout_.journal()), 2U << 20);
}

}  // namespace
}  // namespace drover::jobs
