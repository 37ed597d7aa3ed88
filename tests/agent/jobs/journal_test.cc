#include "agent/jobs/journal.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>

#include "fakes/fake_clock.h"
#include "fakes/temp_folder.h"

namespace drover::jobs {
namespace {

class JournalTest : public testing::Test {
 protected:
  std::unique_ptr<Journal> open() {
    Result<std::unique_ptr<Journal>> journal = Journal::open(path(), clock_);
    EXPECT_TRUE(journal) << (journal ? "" : to_text(journal.error()));
    return journal ? std::move(*journal) : nullptr;
  }
  std::filesystem::path path() const { return folder_ / "journal.db"; }
  static JobRow job(const std::string& id) {
    return JobRow{id, "container.run", "web-1", "{}", JobState::queued, "null", 5, 0};
  }
  static Event event(const std::string& kind, const std::string& object) {
    return Event{.kind = kind, .object = object, .what = "told", .job = "j1", .data = {{"a", 1}}};
  }

  fakes::TempFolder folder_;
  fakes::FakeClock clock_;
};

TEST_F(JournalTest, KeepsWhatWasCommittedOverAReopen) {
  std::string epoch;
  {
    const auto journal = open();
    epoch = journal->epoch();
    ASSERT_TRUE(journal->add_job(job("j1")));
    ASSERT_TRUE(
        journal->put_step(StepRow{"j1", 1, "volume.allocate", "data", StepState::intent, "null"}));
    ASSERT_TRUE(journal->put_step(
        StepRow{"j1", 1, "volume.allocate", "data", StepState::done, R"({"id":"v"})"}));
    ASSERT_TRUE(journal->add_event(event("job", "j1")));
    ASSERT_TRUE(journal->commit());
  }
  const auto journal = open();
  EXPECT_EQ(journal->epoch(), epoch);
  EXPECT_EQ(journal->head(), 1U);
  const auto unfinished = journal->unfinished();
  ASSERT_TRUE(unfinished);
  ASSERT_EQ(unfinished->size(), 1U);
  EXPECT_EQ(unfinished->front().target, "web-1");
  const auto steps = journal->steps("j1");
  ASSERT_TRUE(steps);
  ASSERT_EQ(steps->size(), 1U);
  EXPECT_EQ(steps->front().state, StepState::done);
  EXPECT_EQ(steps->front().data, R"({"id":"v"})");
}

TEST_F(JournalTest, AFactAboutTheNodeOutlivesTheAgent) {
  {
    const auto journal = open();
    EXPECT_EQ(journal->fact("drained").value(), "");
    ASSERT_TRUE(journal->set_fact("drained", "yes"));
    ASSERT_TRUE(journal->commit());
  }
  EXPECT_EQ(open()->fact("drained").value(), "yes");
}

TEST_F(JournalTest, ForgetsWhatWasNotCommitted) {
  {
    const auto journal = open();
    ASSERT_TRUE(journal->add_job(job("j1")));
  }
  const auto journal = open();
  const auto found = journal->job("j1");
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->has_value());
}

TEST_F(JournalTest, RefusesTheSameJobIdTwice) {
  const auto journal = open();
  ASSERT_TRUE(journal->add_job(job("j1")));
  EXPECT_FALSE(journal->add_job(job("j1")));
}

TEST_F(JournalTest, CountsEventsByNodeKindAndObject) {
  const auto journal = open();
  ASSERT_TRUE(journal->add_event(event("job", "j1")));
  ASSERT_TRUE(journal->add_event(event("container", "web-1")));
  const auto third = journal->add_event(event("job", "j2"));
  ASSERT_TRUE(third);
  EXPECT_EQ(third->seq, 3U);
  EXPECT_EQ(third->kseq, 2U);
  EXPECT_EQ(third->oseq, 1U);
  ASSERT_TRUE(journal->commit());
  const auto after = journal->events(1, 10);
  ASSERT_TRUE(after);
  ASSERT_EQ(after->size(), 2U);
  EXPECT_EQ((*after)[0].object, "web-1");
  EXPECT_EQ((*after)[0].data, (json::Object{{"a", 1}}));
}

TEST_F(JournalTest, RemembersAContainerAndItsExit) {
  const auto journal = open();
  ContainerRow row{"web-1", "runc", "j1", "{}", Status::stopped, Exit{7, false, 99}, 5};
  ASSERT_TRUE(journal->put_container(row));
  ASSERT_TRUE(journal->commit());
  const auto found = journal->container("web-1");
  ASSERT_TRUE(found);
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->exit, (Exit{7, false, 99}));
  EXPECT_EQ((*found)->status, Status::stopped);
  ASSERT_TRUE(journal->erase_container("web-1"));
  const auto gone = journal->container("web-1");
  ASSERT_TRUE(gone);
  EXPECT_FALSE(gone->has_value());
}

TEST_F(JournalTest, RefusesANewerVersionAndLeavesItAlone) {
  { open(); }
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  const auto refused = Journal::open(path(), clock_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
}

TEST_F(JournalTest, SaysSoWhenTheFileIsNoJournal) {
  ASSERT_TRUE(system::write_atomically(path(), std::string(8192, 'x')));
  EXPECT_FALSE(Journal::open(path(), clock_));
}

}  // namespace
}  // namespace drover::jobs
