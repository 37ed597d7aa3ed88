// A journal's file as disks and people leave it.
#include "agent/jobs/journal/journal_rescue.h"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "agent/jobs/journal/journal_check.h"
#include "fakes/fake_clock.h"
#include "fakes/temp_folder.h"

namespace drover::jobs {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class JournalRescue : public testing::Test {
 protected:
  void SetUp() override {
    const auto journal = Journal::open(path(), clock_).value();
    epoch_ = journal->epoch();
    for (int i = 0; i < 200; ++i) {
      const std::string id = "j" + std::to_string(i);
      ASSERT_TRUE(journal->add_job({id, "container.run", "web-1",
                                    json::write(json::Object{{"text", std::string(500, 'x')}}),
                                    JobState::queued, "null", 1, 0}));
    }
    ASSERT_TRUE(journal->commit());
  }
  std::filesystem::path path() const { return folder_ / "journal.db"; }
  OpenedJournal open() {
    Result<OpenedJournal> opened = open_or_set_aside(path(), clock_);
    EXPECT_TRUE(opened) << (opened ? "" : to_text(opened.error()));
    return opened ? std::move(*opened) : OpenedJournal{};
  }
  void write_at(std::uintmax_t offset, std::size_t size, char with) {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file << std::string(size, with);
  }
  /// It is not used, and not lost.
  void expect_set_aside(const OpenedJournal& opened) {
    ASSERT_NE(opened.journal, nullptr);
    EXPECT_THAT(opened.why, Not(IsEmpty()));
    EXPECT_NE(opened.journal->epoch(), epoch_);
    EXPECT_THAT(opened.set_aside.native(), HasSubstr("journal.db.corrupt-2027"));
    EXPECT_TRUE(std::filesystem::exists(opened.set_aside));
    EXPECT_EQ(opened.journal->head(), 0U);
    EXPECT_FALSE(opened.journal->job("j1").value());
  }

  fakes::TempFolder folder_;
  fakes::FakeClock clock_;
  std::string epoch_;
};

TEST_F(JournalRescue, ASoundFileIsOpenedAsItIs) {
  const OpenedJournal opened = open();
  EXPECT_EQ(opened.journal->epoch(), epoch_);
  EXPECT_TRUE(opened.set_aside.empty());
  EXPECT_EQ(opened.why, "");
}

TEST_F(JournalRescue, AZeroedPageIsFound) {
  const auto size = std::filesystem::file_size(path());
  write_at(size / 2 / 4096 * 4096, 4096, '\0');
  expect_set_aside(open());
}

TEST_F(JournalRescue, ATruncatedFileIsFound) {
  std::filesystem::resize_file(path(), std::filesystem::file_size(path()) / 2 / 4096 * 4096);
  expect_set_aside(open());
}

TEST_F(JournalRescue, AFileThatIsNoDatabaseIsFoundAndKeptByteForByte) {
  const std::string text(10'000, 'x');
  ASSERT_TRUE(system::write_atomically(path(), text));
  const OpenedJournal opened = open();
  expect_set_aside(opened);
  EXPECT_EQ(system::read_file(opened.set_aside).value(), text);
}

TEST_F(JournalRescue, AnEmptyFileIsALostJournal) {
  std::filesystem::resize_file(path(), 0);
  const OpenedJournal opened = open();
  EXPECT_EQ(opened.why, "the file is empty");
  EXPECT_NE(opened.journal->epoch(), epoch_);
  EXPECT_THAT(opened.set_aside.native(), IsEmpty()) << "there was nothing to keep";
}

TEST_F(JournalRescue, AFileWhoseFirstPageIsGoneIsFound) {
  write_at(0, 4096, '\0');
  expect_set_aside(open());
}

TEST_F(JournalRescue, AnotherOneInTheSameSecondOverwritesNothing) {
  std::vector<std::filesystem::path> names;
  for (const char* text : {"first", "second", "third"}) {
    ASSERT_TRUE(system::write_atomically(path(), text));
    names.push_back(open().set_aside);
  }
  EXPECT_EQ(system::read_file(names.at(0)).value(), "first");
  EXPECT_EQ(system::read_file(names.at(1)).value(), "second");
  EXPECT_EQ(system::read_file(names.at(2)).value(), "third");
  EXPECT_THAT(names.at(2).native(), EndsWith("-3"));
}

TEST_F(JournalRescue, ItsLogGoesWithIt) {
  // As a killed agent leaves it: what was written last is in the log.
  std::filesystem::create_directories(folder_ / "killed");
  const auto journal = Journal::open(path(), clock_).value();
  ASSERT_TRUE(journal->set_fact("a", "b"));
  ASSERT_TRUE(journal->commit());
  for (const char* name : {"journal.db", "journal.db-wal"}) {
    std::filesystem::copy(folder_ / name, folder_ / "killed" / name);
  }
  const auto killed = folder_ / "killed" / "journal.db";
  std::ofstream(killed) << "no database any more";
  const OpenedJournal opened = open_or_set_aside(killed, clock_).value();
  EXPECT_TRUE(std::filesystem::exists(opened.set_aside.native() + "-wal"));
  EXPECT_EQ(opened.journal->fact("a").value(), "") << "the old log was read into the new file";
}

TEST_F(JournalRescue, ALogWithoutItsFileIsNotTakenForThatOfTheNewOne) {
  {
    const auto journal = Journal::open(path(), clock_).value();
    ASSERT_TRUE(journal->set_fact("a", "b"));
    ASSERT_TRUE(journal->commit());
    std::filesystem::copy(folder_ / "journal.db-wal", folder_ / "kept");
  }
  std::filesystem::remove(path());
  std::filesystem::rename(folder_ / "kept", folder_ / "journal.db-wal");
  const OpenedJournal opened = open();
  EXPECT_NE(opened.journal->epoch(), epoch_);
  EXPECT_EQ(opened.journal->fact("a").value(), "");
  EXPECT_TRUE(std::filesystem::exists(opened.set_aside.native() + "-wal"));
}

TEST_F(JournalRescue, ANewerVersionIsRefusedAndStaysWhereItIs) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  const Result<OpenedJournal> refused = open_or_set_aside(path(), clock_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(JournalRescue, AnotherProgramsDatabaseIsLeftWhereItIs) {
  std::filesystem::remove(path());
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "CREATE TABLE meta(a)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  EXPECT_FALSE(open_or_set_aside(path(), clock_));
  EXPECT_TRUE(std::filesystem::exists(path()));
}

// What quick_check does not see, an agent may come upon; it must not come upon it for ever.
TEST_F(JournalRescue, OneThatWasFoundDamagedInUseIsLookedAtWhole) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
  // The index of the ids goes to another table's column: its entries fit no rows any more.
  ASSERT_EQ(sqlite3_exec(raw,
                         "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, "
                         "'ended_at > 0', 'ended_at >= 0') WHERE name = 'jobs_ended'",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(raw);
  EXPECT_EQ(open().why, "") << "the quick look does not see it";
  ASSERT_TRUE(suspect(path(), "database disk image is malformed"));
  const OpenedJournal opened = open();
  expect_set_aside(opened);
  EXPECT_EQ(open().why, "") << "the suspicion went with it";
}

TEST_F(JournalRescue, ASuspicionThatIsUnfoundedCostsNothing) {
  ASSERT_TRUE(suspect(path(), "a bit of memory"));
  const OpenedJournal opened = open();
  EXPECT_EQ(opened.journal->epoch(), epoch_);
  EXPECT_FALSE(std::filesystem::exists(path().native() + ".suspect"));
}

// A journal that was written to by nobody else finds out by itself.
TEST_F(JournalRescue, AJournalInUseNoticesThatItsFileIsDamaged) {
  const auto journal = Journal::open(path(), clock_).value();
  EXPECT_EQ(journal->damage(), "");
  write_at(4096, std::filesystem::file_size(path()) - 4096, '\xff');
  bool failed = false;
  for (int i = 0; i < 200 && !failed; ++i) {
    failed = !journal->job("j" + std::to_string(i));
  }
  ASSERT_TRUE(failed);
  EXPECT_THAT(journal->damage(), HasSubstr("malformed"));
  const Result<> committed = journal->commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, Code::broken);
}

}  // namespace
}  // namespace drover::jobs
