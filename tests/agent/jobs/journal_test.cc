#include "agent/jobs/journal/journal.h"

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

// Whoever was told a number must not meet it again.
TEST_F(JournalTest, NumbersGoOnWhereAKilledAgentHasLeftThem) {
  const auto journal = open();
  ASSERT_TRUE(journal->add_event(event("job", "j1")));
  ASSERT_TRUE(journal->commit());
  ASSERT_TRUE(journal->add_event(event("job", "j1")));
  ASSERT_TRUE(journal->add_event(event("container", "web-1")));
  ASSERT_TRUE(journal->commit());
  ASSERT_TRUE(journal->add_event(event("job", "j1"))) << "told to nobody";
  std::filesystem::create_directories(folder_ / "killed");
  for (const char* name : {"journal.db", "journal.db-wal"}) {
    std::filesystem::copy(folder_ / name, folder_ / "killed" / name);
  }
  const auto next = Journal::open(folder_ / "killed" / "journal.db", clock_).value();
  EXPECT_EQ(next->head(), 3U);
  EXPECT_EQ(next->kind_counts(), (json::Object{{"job", 2}, {"container", 1}}));
  const Event told = next->add_event(event("job", "j1")).value();
  EXPECT_EQ(told.seq, 4U);
  EXPECT_EQ(told.kseq, 3U);
  EXPECT_EQ(told.oseq, 3U);
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

TEST_F(JournalTest, AFileOfVersion1WithItsContentIsBroughtForward) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
  // As version 1 of the program wrote it: tables, a job with a step, a container, two events.
  const char* written = R"(
PRAGMA journal_mode=WAL;
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE jobs(
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, verb TEXT NOT NULL, target TEXT NOT NULL,
  request TEXT NOT NULL, state TEXT NOT NULL, result TEXT NOT NULL,
  created_at INTEGER NOT NULL, ended_at INTEGER NOT NULL);
CREATE INDEX jobs_unfinished ON jobs(n) WHERE ended_at = 0;
CREATE TABLE steps(
  job TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL,
  state TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY(job, number)) WITHOUT ROWID;
CREATE TABLE containers(
  name TEXT PRIMARY KEY, runtime TEXT NOT NULL, job TEXT NOT NULL, container TEXT NOT NULL,
  status TEXT NOT NULL, exit TEXT NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE events(
  seq INTEGER PRIMARY KEY, kseq INTEGER NOT NULL, oseq INTEGER NOT NULL, at INTEGER NOT NULL,
  kind TEXT NOT NULL, object TEXT NOT NULL, what TEXT NOT NULL, job TEXT NOT NULL,
  data TEXT NOT NULL);
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES('epoch', '0190aaaa-0000-7000-8000-000000000001');
INSERT INTO jobs VALUES(1, 'j1', 'container.run', 'web-1', '{}', 'succeeded', 'null', 5, 9);
INSERT INTO jobs VALUES(2, 'j2', 'container.stop', 'web-1', '{}', 'queued', 'null', 10, 0);
INSERT INTO steps VALUES('j1', 1, 'volume.allocate', 'data', 'done', '{"id":"v"}');
INSERT INTO containers VALUES('web-1', 'runc', 'j1', '{}', 'running', 'null', 5);
INSERT INTO events VALUES(1, 1, 1, 5, 'job', 'j1', 'accepted', 'j1', '{}');
INSERT INTO events VALUES(2, 1, 1, 6, 'container', 'web-1', 'running', 'j1', '{"runtime":"runc"}');
INSERT INTO counters VALUES('node', 2), ('kind/job', 1), ('kind/container', 1),
  ('object/job/j1', 1), ('object/container/web-1', 1);
PRAGMA user_version = 1;
)";
  ASSERT_EQ(sqlite3_exec(raw, written, nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(raw);
  sqlite3_close(raw);
  const auto journal = open();
  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->epoch(), "0190aaaa-0000-7000-8000-000000000001");
  EXPECT_EQ(journal->head(), 2U);
  EXPECT_EQ(journal->job("j1").value()->state, JobState::succeeded);
  EXPECT_EQ(journal->job("j1").value()->sender, "local");
  EXPECT_EQ(journal->unfinished().value().at(0).id, "j2");
  EXPECT_EQ(journal->steps("j1").value().at(0).data, R"({"id":"v"})");
  EXPECT_EQ(journal->container("web-1").value()->status, Status::running);
  EXPECT_EQ(journal->events(0, 10).value().size(), 2U);
  const Event next = journal->add_event(event("container", "web-1")).value();
  EXPECT_EQ(next.seq, 3U);
  EXPECT_EQ(next.oseq, 2U);
  EXPECT_EQ(journal->forget_counters(10).value(), 0) << "their events are still there";
  ASSERT_TRUE(journal->begin_job("j2"));
  ASSERT_TRUE(journal->set_job("j2", JobState::succeeded, "null", 11));
  ASSERT_TRUE(journal->commit());
  EXPECT_TRUE(journal->unfinished().value().empty());
}

TEST_F(JournalTest, NetworksOfVersion5AreOfNoZone) {
  { open(); }
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
  const char* written = R"(
ALTER TABLE networks DROP COLUMN zone;
ALTER TABLE networks DROP COLUMN tag;
ALTER TABLE networks DROP COLUMN snat;
ALTER TABLE networks DROP COLUMN addresses_elsewhere;
DROP INDEX jobs_sender;
ALTER TABLE jobs DROP COLUMN sender;
ALTER TABLE jobs DROP COLUMN via;
INSERT INTO networks(name, address, vlan_aware, job, busy, created_at, by_proxmox)
  VALUES('vmbr5', '10.84.0.1/24', 1, 'j1', 'j2', 7, 1);
PRAGMA user_version = 5;
)";
  ASSERT_EQ(sqlite3_exec(raw, written, nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(raw);
  sqlite3_close(raw);
  const auto journal = open();
  ASSERT_TRUE(journal);
  const NetworkRow row = journal->network("vmbr5").value().value();
  EXPECT_EQ(row.address, "10.84.0.1/24");
  EXPECT_EQ(row.busy, "j2");
  EXPECT_TRUE(row.vlan_aware && row.by_proxmox);
  EXPECT_EQ(row.zone, "");
  EXPECT_EQ(row.tag, 0);
  EXPECT_FALSE(row.snat || row.addresses_elsewhere);
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
