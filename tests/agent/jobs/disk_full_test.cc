// A disk without space, a real one: nothing that was accepted is lost, done twice or told too soon.
#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>

#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;

class DiskFull : public NodeFixture {
 protected:
  void SetUp() override {
    const std::string state = folder_.path() / "state";
    std::filesystem::create_directories(state);
    // The journal's log alone becomes 4 MiB before it is written back.
    ASSERT_EQ(mount("tmpfs", state.c_str(), "tmpfs", 0, "size=16m"), 0);
    reserve_ = std::uint64_t{2} << 20;
    NodeFixture::SetUp();
  }
  void TearDown() override {
    NodeFixture::TearDown();
    umount2(layout_.state.c_str(), MNT_DETACH);
  }
  std::filesystem::path filler() const { return layout_.state / "filler"; }
  /// Until `left` bytes of the disk are free.
  void fill(std::uint64_t left) {
    std::FILE* file = std::fopen(filler().c_str(), "a");
    ASSERT_NE(file, nullptr);
    std::setbuf(file, nullptr);
    const std::string page(4096, 'x');
    while (std::filesystem::space(layout_.state).available > left &&
           std::fwrite(page.data(), 1, page.size(), file) == page.size()) {
    }
    std::fclose(file);
  }
  void make_room() { std::filesystem::remove(filler()); }
  /// Turns until it is so; the clock goes on, so that timers come due.
  template <class Condition>
  void turn_until(const Condition& condition) {
    for (int turns = 0; !condition(); ++turns) {
      ASSERT_LT(turns, 5000);
      clock_.advance(std::chrono::milliseconds(200));
      loop_->turn(std::chrono::milliseconds(5));
    }
  }
  std::vector<std::string> told_of_the_disk() const { return told("node", "pve1"); }
};

TEST_F(DiskFull, BelowTheReserveNothingIsTakenInButWhatEasesTheDisk) {
  run(run_job("j1", "web-1"));
  fill(reserve_ / 2);
  turn_until([&] { return !told_of_the_disk().empty(); });
  EXPECT_EQ(told_of_the_disk(), std::vector<std::string>{"disk_full"});

  const Answer refused = submit(run_job("j2", "web-2"));
  EXPECT_EQ(refused.kind, "error");
  EXPECT_EQ(refused.body.at("code").string_or(""), "unavailable");
  EXPECT_THAT(std::string(refused.body.at("message").string_or("")),
              HasSubstr(layout_.state.native()));
  EXPECT_FALSE(journal_->job("j2").value());
  EXPECT_EQ(run(job("j3", "container.stop", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(run(job("j4", "container.delete", "web-1")).state, JobState::succeeded);
  EXPECT_GT(json::Value(disk_->view()).at("full_since").integer_or(0), 0);
  EXPECT_THAT(std::string(json::Value(disk_->view()).at("message").string_or("")),
              HasSubstr("2 are kept"));

  make_room();
  turn_until([&] { return told_of_the_disk().size() == 2; });
  EXPECT_EQ(told_of_the_disk().at(1), "disk_ok");
  EXPECT_TRUE(json::Value(disk_->view()).at("full_since").is_null());
  EXPECT_EQ(run(run_job("j2", "web-2")).state, JobState::succeeded);
}

// What it costs is a line in the journal, and a client that is told "later" would wait for space.
TEST_F(DiskFull, AnUndrainIsTakenInAsADrainIs) {
  ASSERT_EQ(run(job("d1", "node.drain", "pve1")).state, JobState::succeeded);
  fill(reserve_ / 2);
  turn_until([&] { return told_of_the_disk().size() == 2; });
  EXPECT_EQ(run(job("u1", "node.undrain", "pve1")).state, JobState::succeeded);
  EXPECT_EQ(told_of_the_disk(), (std::vector<std::string>{"drained", "disk_full", "undrained"}));
  EXPECT_THAT(std::string(submit(run_job("j1", "web-1")).body.at("message").string_or("")),
              HasSubstr("is full"))
      << "no longer for the drain, but for the disk";
  fill(0);
  journal_->set_fact("large", std::string(std::size_t{20} << 20, 'x')).has_value();
  const Answer refused = submit(job("d2", "node.drain", "pve1"));
  EXPECT_EQ(refused.body.at("code").string_or(""), "unavailable") << "it cannot be written down";
  make_room();
  EXPECT_EQ(run(run_job("j2", "web-2")).state, JobState::succeeded) << "nor was it done";
}

TEST_F(DiskFull, ADiskThatWasFullBetweenTwoLooksIsTold) {
  fill(reserve_ / 2);
  EXPECT_EQ(submit(run_job("j1", "web-1")).body.at("code").string_or(""), "unavailable");
  make_room();
  EXPECT_EQ(submit(run_job("j1", "web-1")).kind, "job.accepted");
  turn_until([&] { return told_of_the_disk().size() == 2; });
  EXPECT_EQ(told_of_the_disk(), (std::vector<std::string>{"disk_full", "disk_ok"}));
}

TEST_F(DiskFull, ANodeAtItsBoundDoesNotTellTheOneAndTheOther) {
  fill(reserve_ - 64 * 1024);
  disk_->look();
  books_->commit();
  std::filesystem::resize_file(filler(), std::filesystem::file_size(filler()) - 128 * 1024);
  disk_->look();
  books_->commit();
  EXPECT_EQ(told_of_the_disk(), std::vector<std::string>{"disk_full"});
}

TEST_F(DiskFull, ANewAgentKnowsWhatTheEarlierOneTold) {
  fill(reserve_ / 2);
  turn_until([&] { return !told_of_the_disk().empty(); });
  end_agent();
  start_agent();
  make_room();
  turn_until([&] { return told_of_the_disk().size() > 1; });
  EXPECT_EQ(told_of_the_disk(), (std::vector<std::string>{"disk_full", "disk_ok"}));
}

// Some are queued, some in the middle of a step when the last byte goes.
TEST_F(DiskFull, WhatWasAcceptedEndsOnceWhenThereIsSpaceAgain) {
  std::vector<std::string> accepted;
  const auto submit_next = [&] {
    const std::string number = std::to_string(accepted.size());
    const Answer answer = submit(run_job("j" + number, "web-" + number));
    if (answer.kind == "job.accepted") {
      accepted.push_back("j" + number);
    }
    return answer;
  };
  while (accepted.size() < 20) {
    ASSERT_EQ(submit_next().kind, "job.accepted");
  }
  fill(0);
  turn_until([&] { return books_->stalled() > 0; });
  // Not even this can be written down, and its client is told so.
  const Answer refused = submit(job("c1", "job.cancel", "j19"));
  EXPECT_EQ(refused.kind, "error");
  EXPECT_EQ(refused.body.at("code").string_or(""), "unavailable");
  const std::size_t seen = published_.size();
  for (int turns = 0; turns < 20; ++turns) {
    clock_.advance(std::chrono::seconds(1));
    loop_->turn(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(published_.size(), seen) << "told what is not written";
  EXPECT_EQ(submit_next().body.at("code").string_or(""), "unavailable");

  make_room();
  turn_until([&] { return books_->stalled() == 0 && told_of_the_disk().size() == 2; });
  for (const std::string& id : accepted) {
    const JobRow row = await(id);
    EXPECT_EQ(row.state, JobState::succeeded) << id << row.result;
    EXPECT_EQ(row.attempt, 1) << id;
    EXPECT_EQ(runtime_.starts(row.target), 1) << id;
  }
  EXPECT_FALSE(journal_->job("c1").value());
  std::uint64_t seq = 0;
  for (const Event& event : published_) {
    EXPECT_EQ(event.seq, ++seq) << "every event once, in order";
  }
  EXPECT_EQ(submit_next().kind, "job.accepted");
}

TEST_F(DiskFull, AnAgentThatEndsMeanwhileLeavesTheJobToTheNext) {
  submit(run_job("j1", "web-1"));
  fill(0);
  turn_until([&] { return books_->stalled() > 0; });
  end_agent();
  make_room();
  start_agent();
  ASSERT_TRUE(intake_->resume());
  EXPECT_EQ(await("j1").state, JobState::succeeded);
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

// SQLite rolls a transaction back when the disk refuses a page in the middle of it, and begins
// another one with the next statement: what came before must not count as committed then.
TEST_F(DiskFull, AWriteThatTheDiskRefusesTakesItsWholeTurnBack) {
  Result<> first;
  ASSERT_TRUE(journal_->set_fact("first", "1"));
  books_->after_commit([&](const Result<>& committed) { first = committed; });
  const std::string large(std::size_t{20} << 20, 'x');
  EXPECT_FALSE(journal_->set_fact("large", large));
  EXPECT_FALSE(journal_->set_fact("third", "3")) << "there is no transaction any more";
  books_->commit();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, Code::unavailable);
  EXPECT_EQ(journal_->fact("first").value(), "");
  ASSERT_TRUE(journal_->set_fact("first", "2"));
  ASSERT_TRUE(journal_->commit());
  EXPECT_EQ(journal_->fact("first").value(), "2");
}

// Nobody has seen them: who reads on finds no gap, and no number twice.
TEST_F(DiskFull, ATurnThatIsTakenBackTakesTheNumbersOfItsEventsBack) {
  const auto tell = [this](const char* kind, const char* object) {
    return journal_->add_event({.kind = kind, .object = object, .what = "told"}).value();
  };
  const Event before = tell("image", "a");
  ASSERT_TRUE(journal_->commit());
  tell("image", "a");
  tell("volume", "v");
  EXPECT_FALSE(journal_->set_fact("large", std::string(std::size_t{20} << 20, 'x')));
  EXPECT_FALSE(journal_->commit());
  EXPECT_EQ(journal_->head(), before.seq);
  EXPECT_EQ(journal_->kind_counts().find("volume"), nullptr);
  ASSERT_TRUE(journal_->commit());

  const Event after = tell("image", "a");
  EXPECT_EQ(after.seq, before.seq + 1);
  EXPECT_EQ(after.kseq, before.kseq + 1);
  EXPECT_EQ(after.oseq, before.oseq + 1);
  EXPECT_EQ(tell("volume", "v").kseq, 1U);
  ASSERT_TRUE(journal_->commit());
  EXPECT_EQ(journal_->events(before.seq, 10).value().size(), 2U);
}

// A waiting job whose cancel cannot be written goes on waiting, at its place.
TEST_F(DiskFull, ACancelThatCannotBeWrittenCancelsNothing) {
  runtime_.hold_next("create", fakes::FakeRuntime::Hold::before_deed);
  submit(run_job("j1", "web-1"));
  submit(job("j2", "container.stop", "web-1"));
  submit(job("j3", "container.delete", "web-1"));
  turn_until([&] { return runtime_.held() == 1; });
  fill(0);
  const std::string large(std::size_t{20} << 20, 'x');
  ASSERT_FALSE(journal_->set_fact("large", large)) << "this turn is lost";
  const Answer refused = submit(job("c1", "job.cancel", "j2"));
  EXPECT_EQ(refused.kind, "error");
  make_room();
  EXPECT_EQ(supervisor_->waits_for("j2")->before, 1U);
  EXPECT_EQ(supervisor_->waits_for("j3")->before, 2U);
  EXPECT_EQ(submit(job("c2", "job.cancel", "j2")).kind, "job.accepted");
  EXPECT_EQ(await("j2").state, JobState::cancelled);
  EXPECT_EQ(supervisor_->waits_for("j3")->before, 1U);
  submit(job("c3", "job.cancel", "j1"));
  EXPECT_EQ(await("j1").state, JobState::cancelled);
}

}  // namespace
}  // namespace drover::jobs
