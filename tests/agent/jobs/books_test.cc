#include "agent/jobs/journal/books.h"

#include <poll.h>

#include <thread>

#include "books_fixture.h"

namespace drover::jobs {
namespace {

class BooksTest : public BooksFixture {
 protected:
  static Event event() { return Event{.kind = "job", .object = "j1", .what = "accepted"}; }
  /// What a worker has handed over, in a turn of the loop.
  void serve() {
    pollfd waiting{books_->fd(), POLLIN, 0};
    ASSERT_EQ(poll(&waiting, 1, 10'000), 1);
    books_->serve();
  }
  /// One turn of the loop that has something from a worker.
  void turn() {
    serve();
    books_->commit();
  }
  /// The same when the turn has ended.
  void write_for_agent_in_a_turn() {
    std::thread worker([&] {
      EXPECT_TRUE(books_->write([](Books& books) { return books.tell(event()); }, Outlives::agent));
    });
    turn();
    worker.join();
  }
  /// A worker that writes an event, and goes on by then.
  void write_for_agent() {
    Result<> written = fail(Code::broken, "not written");
    std::thread worker([&] {
      written = books_->write([](Books& books) { return books.tell(event()); }, Outlives::agent);
    });
    serve();
    worker.join();
    EXPECT_TRUE(written);
  }
};

TEST_F(BooksTest, PublishesOnlyWhatIsCommitted) {
  ASSERT_TRUE(books_->tell(event()));
  EXPECT_TRUE(published_.empty());
  books_->commit();
  ASSERT_EQ(published_.size(), 1U);
  EXPECT_EQ(published_.front().seq, 1U);
  books_->commit();
  EXPECT_EQ(published_.size(), 1U);
}

TEST_F(BooksTest, TellsThoseWhoWaitAfterTheCommit) {
  bool committed = false;
  ASSERT_TRUE(books_->tell(event()));
  books_->after_commit([&](const Result<>& result) { committed = result.has_value(); });
  EXPECT_FALSE(committed);
  books_->commit();
  EXPECT_TRUE(committed);
}

TEST_F(BooksTest, AWorkerWaitsForTheLoopsCommit) {
  Result<> written = fail(Code::broken, "not written");
  std::thread worker(
      [&] { written = books_->write([](Books& books) { return books.tell(event()); }); });
  turn();
  worker.join();
  EXPECT_TRUE(written);
  EXPECT_EQ(published_.size(), 1U);
}

TEST_F(BooksTest, AWorkerHearsThatItsChangeFailed) {
  Result<> written;
  std::thread worker([&] {
    written = books_->write([](Books&) -> Result<> { return fail(Code::conflict, "taken"); });
  });
  turn();
  worker.join();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::conflict);
}

TEST_F(BooksTest, WhatOutlivesOnlyTheAgentIsToldWithWhatOutlivesTheMachine) {
  int unsettled = 0;
  books_->on_unsettled([&unsettled] { ++unsettled; });
  write_for_agent();
  books_->commit();
  write_for_agent();
  books_->commit();
  EXPECT_EQ(unsettled, 1);
  EXPECT_TRUE(journal_->unsynced());
  EXPECT_TRUE(published_.empty()) << "a power cut would give their numbers to others";
  EXPECT_FALSE(journal_->dirty()) << "the next agent finds them, if this one is killed now";
  ASSERT_TRUE(books_->tell(event()));
  books_->commit();
  EXPECT_FALSE(journal_->unsynced());
  ASSERT_EQ(published_.size(), 3U);
  EXPECT_EQ(published_.front().seq, 1U);
  EXPECT_EQ(published_.back().seq, 3U);
  write_for_agent();
  EXPECT_EQ(unsettled, 2);
}

TEST_F(BooksTest, WhatOutlivesOnlyTheAgentIsToldSoon) {
  books_->on_unsettled([] {});
  write_for_agent();
  books_->settle();
  EXPECT_EQ(published_.size(), 1U);
  EXPECT_FALSE(journal_->unsynced());
  books_->settle();
  EXPECT_EQ(published_.size(), 1U);
}

TEST_F(BooksTest, BesideWhatOutlivesTheMachineItDoesSoItself) {
  books_->on_unsettled([] { ADD_FAILURE() << "nothing is left to settle"; });
  ASSERT_TRUE(books_->tell(event()));
  write_for_agent_in_a_turn();
  EXPECT_FALSE(journal_->unsynced());
  EXPECT_EQ(published_.size(), 2U);
}

TEST_F(BooksTest, WhoOnlyReadsHasNothingSynced) {
  books_->on_unsettled([] {});
  write_for_agent();
  std::thread worker([&] { EXPECT_TRUE(books_->write([](Books&) -> Result<> { return {}; })); });
  turn();
  worker.join();
  EXPECT_TRUE(journal_->unsynced());
  EXPECT_TRUE(published_.empty());
}

}  // namespace
}  // namespace drover::jobs
