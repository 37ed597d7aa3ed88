// BooksFixture: books on a real journal, and all that they publish.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "agent/jobs/journal/books.h"
#include "fakes/fake_clock.h"
#include "fakes/temp_folder.h"

namespace drover::jobs {

class BooksFixture : public testing::Test {
 protected:
  void SetUp() override {
    auto journal = Journal::open(folder_ / "journal.db", clock_);
    ASSERT_TRUE(journal);
    journal_ = std::move(*journal);
    books_ = std::make_unique<Books>(*journal_, [this](const std::vector<Event>& events) {
      published_.insert(published_.end(), events.begin(), events.end());
    });
  }

  fakes::TempFolder folder_;
  fakes::FakeClock clock_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Books> books_;
  std::vector<Event> published_;
};

}  // namespace drover::jobs
