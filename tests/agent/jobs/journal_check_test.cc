#include "agent/jobs/journal/journal_check.h"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <filesystem>

#include "agent/jobs/journal/journal.h"
#include "fakes/fake_clock.h"
#include "fakes/temp_folder.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class JournalCheck : public testing::Test {
 protected:
  void SetUp() override {
    journal_ = Journal::open(path(), clock_).value();
    ASSERT_TRUE(
        journal_->add_job({"j1", "container.run", "web-1", "{}", JobState::queued, "null", 1, 0}));
    ASSERT_TRUE(journal_->put_step({"j1", 1, "folder.make", "", StepState::done, "null"}));
    ASSERT_TRUE(journal_->put_container({"web-1", "runc", "j1", "{}", Status::running, {}, 1}));
    ASSERT_TRUE(journal_->put_image({"oci:/web:1", "sha256:" + std::string(64, 'a'), 7, 1, "j1"}));
    ASSERT_TRUE(journal_->put_volume(
        {.name = "data", .storage = "local-folder", .job = "j1", .busy = "j1", .created_at = 1}));
    ASSERT_TRUE(journal_->put_network({.name = "apps", .job = "j0", .busy = "j1"}));
    ASSERT_TRUE(journal_->put_deleted({"j0", "web-0", "{}", 1, 7}));
    ASSERT_TRUE(journal_->put_leak({"exit", "", "/exits/ghost", "ghost", "", 1}));
    for (const char* what : {"accepted", "started", "succeeded"}) {
      ASSERT_TRUE(journal_->add_event(Event{.kind = "job", .object = "j1", .what = what}));
    }
    ASSERT_TRUE(
        journal_->add_event(Event{.kind = "container", .object = "web-1", .what = "running"}));
    ASSERT_TRUE(journal_->commit());
  }
  std::filesystem::path path() const { return folder_ / "journal.db"; }
  JournalReport check() {
    const Result<JournalReport> report = check_journal(path());
    EXPECT_TRUE(report) << (report ? "" : to_text(report.error()));
    return report ? *report : JournalReport{};
  }
  void execute(const std::string& sql) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(raw);
    sqlite3_close(raw);
  }

  fakes::TempFolder folder_;
  fakes::FakeClock clock_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalCheck, ASoundOneHasNoFaultsWhileAnAgentWrites) {
  const JournalReport report = check();
  EXPECT_THAT(report.faults, IsEmpty());
  EXPECT_EQ(report.epoch, journal_->epoch());
  EXPECT_EQ(report.jobs, 1);
  EXPECT_EQ(report.unfinished, 1);
  EXPECT_EQ(report.containers, 1);
  EXPECT_EQ(report.events, 4);
  EXPECT_EQ(report.oldest, 1);
  EXPECT_EQ(report.head, 4);
  // The one who writes is not in its way, nor it in his.
  ASSERT_TRUE(journal_->set_fact("a", "b"));
  EXPECT_THAT(check().faults, IsEmpty());
  ASSERT_TRUE(journal_->commit());
}

TEST_F(JournalCheck, OneThatNobodyHasOpenIsReadAndNothingIsMadeBesideIt) {
  journal_.reset();
  EXPECT_THAT(check().faults, IsEmpty());
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    names.push_back(entry.path().filename());
  }
  EXPECT_THAT(names, ElementsAre("journal.db"));
}

TEST_F(JournalCheck, NamesWhatDoesNotFitTogether) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"INSERT INTO steps VALUES('lost', 1, 'folder.make', '', 'done', 'null')",
       "steps of jobs that are not there; the first: lost"},
      {"UPDATE containers SET job = 'lost'", "containers whose job is not there; the first: web-1"},
      {"UPDATE jobs SET state = 'sleeping'", "jobs in no known state; the first: j1"},
      {"UPDATE jobs SET state = 'succeeded'", "jobs whose state does not fit their end"},
      {"UPDATE jobs SET request = '{'", "jobs whose request or result is no JSON"},
      {"UPDATE steps SET state = 'over'", "steps in no known state"},
      {"UPDATE containers SET container = '['", "containers whose record or exit is no JSON"},
      {"UPDATE events SET data = '' WHERE seq = 2", "events whose data is no JSON; the first: 2"},
      {"DELETE FROM events WHERE seq = 2", "1 events missing between"},
      {"UPDATE events SET kseq = 9 WHERE seq = 3", "kinds whose events are not numbered"},
      {"UPDATE counters SET value = 3 WHERE name = 'node'", "counter of the node"},
      {"UPDATE counters SET value = 2 WHERE name = 'kind/job'", "counters of kinds"},
      {"DELETE FROM counters WHERE name = 'object/container/web-1'", "counters of objects"},
      {"DELETE FROM meta WHERE key = 'epoch'", "it has no epoch"},
      {"UPDATE jobs SET error = ''", "jobs whose error is no JSON; the first: j1"},
      {"UPDATE containers SET wanted = 'perhaps'", "whether they shall run; the first: web-1"},
      {"UPDATE containers SET restarts = '}'", "whether they shall run; the first: web-1"},
      {"UPDATE images SET digest = 'sha256:../..'", "images whose digest or size is none"},
      {"UPDATE images SET digest = 'sha256:'", "images whose digest or size is none"},
      {"UPDATE images SET bytes = -1", "digest or size is none; the first: oci:/web:1"},
      {"UPDATE volumes SET volume = '{'", "volumes whose record, size or job is none"},
      {"UPDATE volumes SET size_mib = -8", "size or job is none; the first: data"},
      {"UPDATE volumes SET busy = 'lost'", "volumes held by a job that is not there"},
      {"UPDATE volumes SET busy = ''", "volumes that were never made"},
      {"UPDATE networks SET vlan_aware = 7", "networks whose kind is none; the first: apps"},
      {"UPDATE networks SET busy = 'lost'", "networks held by a job that is not there"},
      {"UPDATE deleted SET view = ''", "deleted containers whose view, time or size is none"},
      {"UPDATE deleted SET at = 0", "view, time or size is none; the first: j0"},
      {"UPDATE deleted SET job = 'j1'", "deleted containers that are there; the first: j1"},
      {"UPDATE leaks SET name = ''", "leaks without a kind or name"},
      {"UPDATE leaks SET ordered = 2", "time that is none; the first: exit /exits/ghost"},
      {"UPDATE leaks SET ordered = 1", "leaks whose removal was ordered for no time"},
  };
  for (const auto& [sql, fault] : cases) {
    journal_.reset();
    std::filesystem::remove(path());
    SetUp();
    journal_.reset();
    execute(sql);
    EXPECT_THAT(check().faults, testing::Contains(HasSubstr(fault))) << sql;
  }
}

TEST_F(JournalCheck, AnOlderVersionIsAskedForWhatItHas) {
  journal_.reset();
  execute(
      "DROP TABLE images; DROP TABLE volumes; DROP TABLE networks; DROP TABLE deleted; "
      "DROP TABLE leaks; PRAGMA user_version = 2");
  EXPECT_THAT(check().faults, IsEmpty());
  execute("UPDATE containers SET wanted = 'perhaps'");
  EXPECT_THAT(check().faults, ElementsAre(HasSubstr("whether they shall run")));
}

TEST_F(JournalCheck, ANewerVersionIsNamedAndNotJudged) {
  journal_.reset();
  execute("PRAGMA user_version = 99");
  EXPECT_THAT(check().faults, ElementsAre(HasSubstr("version 99")));
}

TEST_F(JournalCheck, WhatIsNoJournalIsNamed) {
  journal_.reset();
  ASSERT_TRUE(system::write_atomically(path(), std::string(8192, 'x')));
  EXPECT_THAT(check().faults, ElementsAre("file is not a database"));
  EXPECT_EQ(damage_of(path(), false).value(), "file is not a database");
  ASSERT_TRUE(system::write_atomically(path(), ""));
  EXPECT_THAT(check().faults, ElementsAre("the file is empty"));
  EXPECT_EQ(damage_of(path(), false).value(), "the file is empty");
  std::filesystem::remove(path());
  execute("CREATE TABLE other(a)");
  EXPECT_THAT(check().faults, ElementsAre(HasSubstr("no journal")));
  EXPECT_EQ(damage_of(path(), false).value(), "") << "another's database is not damaged";
}

TEST_F(JournalCheck, AMissingOneIsNotFoundAndAFolderIsNoFile) {
  EXPECT_EQ(check_journal(folder_ / "nothing").error().code, Code::not_found);
  EXPECT_FALSE(check_journal(folder_.path()));
}

TEST_F(JournalCheck, APathThatLooksLikeAnAddressIsAPath) {
  journal_.reset();
  const auto odd = folder_ / "a?b#c%20.db";
  std::filesystem::rename(path(), odd);
  const Result<JournalReport> report = check_journal(odd);
  ASSERT_TRUE(report) << to_text(report.error());
  EXPECT_THAT(report->faults, IsEmpty());
}

}  // namespace
}  // namespace drover::jobs
