#include "agent/jobs/journal/books.h"

#include <poll.h>

#include <thread>

#include "books_fixture.h"

namespace drover::jobs {
namespace {

class BooksTest : public BooksFixture {
 protected:
  static Event event() { return Event{.kind = "job", .object = "j1", .what = "accepted"}; }
  /// One turn of the loop that has something from a worker.
  void turn() {
    pollfd waiting{books_->fd(), POLLIN, 0};
    ASSERT_EQ(poll(&waiting, 1, 10'000), 1);
    books_->serve();
    books_->commit();
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

}  // namespace
}  // namespace drover::jobs
