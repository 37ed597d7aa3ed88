#include "agent/jobs/intake.h"

#include <gmock/gmock.h>

#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;

class IntakeTest : public NodeFixture {};

TEST_F(IntakeTest, TheSameJobTwiceIsDoneOnce) {
  const Answer first = submit(run_job("j1", "web-1"));
  EXPECT_EQ(first.kind, "job.accepted");
  EXPECT_FALSE(first.body.at("duplicate").boolean_or(true));
  await("j1");
  const Answer second = submit(run_job("j1", "web-1"));
  EXPECT_EQ(second.kind, "job.accepted");
  EXPECT_TRUE(second.body.at("duplicate").boolean_or(false));
  EXPECT_EQ(second.body.at("state").string_or(""), "succeeded");
  EXPECT_EQ(journal_->jobs(10).value().size(), 1U);
}

TEST_F(IntakeTest, TheSameJobWithItsMembersInAnotherOrderIsTheSame) {
  submit(run_job("j1", "web-1"));
  const std::string swapped = R"({"target":"web-1","spec":{"rootfs":")" + root_.native() +
                              R"(","runtime":"runc"},"verb":"container.run","id":"j1"})";
  EXPECT_EQ(submit_text(swapped).kind, "job.accepted");
  await("j1");
}

TEST_F(IntakeTest, WhoSentAJobIsInTheJournalInItsViewAndInItsEvent) {
  json::Value view;
  const AllowedKey ci =
      AllowList::parse(
          R"({"keys":[{"name":"ci","key":"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID","roles":["submit"]}]})")
          .value()
          .keys()
          .at(0);
  intake_->submit(
      json::write(run_job("j1", "web-1")),
      [&](std::string_view, const std::string& text) { view = json::parse(text).value(); }, &ci,
      "d1");
  await("j1");
  EXPECT_EQ(view.at("sender").string_or(""), "ci");
  EXPECT_EQ(journal_->job("j1").value()->sender, "ci");
  EXPECT_EQ(view.at("via").string_or(""), "d1");
  EXPECT_EQ(journal_->job("j1").value()->via, "d1");
  const json::Value own = submit(job("j2", "container.stop", "web-1")).body;
  EXPECT_EQ(own.at("sender").string_or(""), "local");
  EXPECT_EQ(own.find("via"), nullptr);
  await("j2");
  std::map<std::string, std::string> senders;
  const std::vector<Event> events = journal_->events(0, 1000).value();
  for (const Event& event : events) {
    if (event.kind == "job" && event.what == "accepted") {
      const json::Value data(event.data);
      senders[event.object] =
          fmt::format("{}|{}", data.at("sender").string_or(""), data.at("via").string_or(""));
    }
  }
  EXPECT_EQ(senders, (std::map<std::string, std::string>{{"j1", "ci|d1"}, {"j2", "local|"}}));
}

TEST_F(IntakeTest, AnIdUsedForAnotherJobIsAConflict) {
  submit(run_job("j1", "web-1"));
  const Answer answer = submit(run_job("j1", "web-2"));
  EXPECT_EQ(answer.kind, "error");
  EXPECT_EQ(answer.body.at("code").string_or(""), "conflict");
  await("j1");
  EXPECT_FALSE(runtime_.has("web-2"));
}

TEST_F(IntakeTest, EveryFaultIsToldAndTheNextJobServed) {
  const Answer answer = submit_text(
      R"({"id":"j1","verb":"container.run","target":"Web","spec":{"comand":["a"],"env":5}})");
  EXPECT_EQ(answer.kind, "error");
  EXPECT_EQ(answer.body.at("code").string_or(""), "invalid");
  EXPECT_GE(answer.body.at("faults").array()->size(), 3U);
  EXPECT_FALSE(journal_->job("j1").value());
  EXPECT_EQ(run(run_job("j1", "web-1")).state, JobState::succeeded);
}

TEST_F(IntakeTest, TextThatIsNoJsonOrFarTooDeepIsInvalid) {
  EXPECT_EQ(submit_text("hello").body.at("code").string_or(""), "invalid");
  EXPECT_EQ(submit_text(std::string(10'000, '[')).body.at("code").string_or(""), "invalid");
  EXPECT_EQ(submit_text("").body.at("code").string_or(""), "invalid");
}

TEST_F(IntakeTest, WhatTheNodeNeverDoesIsRefusedAtOnce) {
  json::Object request = run_job("j1", "web-1");
  request.find("spec")->object()->set("runtime", "pve-lxc");
  const Answer missing = submit(request);
  EXPECT_EQ(missing.body.at("code").string_or(""), "refused");
  EXPECT_THAT(std::string(missing.body.at("message").string_or("")), HasSubstr("pve-lxc"));

  json::Object unmappable = run_job("j2", "web-1");
  unmappable.find("spec")->object()->set("hostname", "refused");
  EXPECT_EQ(submit(unmappable).body.at("code").string_or(""), "refused");

  config_.container.image_folders = {"/srv/images"};
  EXPECT_THAT(std::string(submit(run_job("j3", "web-1")).body.at("message").string_or("")),
              HasSubstr("/srv/images"));
  EXPECT_TRUE(journal_->jobs(10).value().empty());
}

TEST_F(IntakeTest, AnIdOlderThanTheNodeRemembersIsRefusedAsExpired) {
  const auto now = static_cast<std::uint64_t>(clock_.unix_ms());
  constexpr std::uint64_t kDay = 86'400'000;
  const Answer old = submit(run_job(make_uuid7(now - 8 * kDay), "web-1"));
  EXPECT_EQ(old.body.at("code").string_or(""), "refused");
  EXPECT_THAT(std::string(old.body.at("message").string_or("")), HasSubstr("expired"));
  const Answer ahead = submit(run_job(make_uuid7(now + 2 * kDay), "web-1"));
  EXPECT_EQ(ahead.body.at("code").string_or(""), "invalid");
  EXPECT_EQ(run(run_job(make_uuid7(now - 6 * kDay), "web-1")).state, JobState::succeeded);
}

TEST_F(IntakeTest, AJobThatIsRememberedIsAnsweredHoweverOldItsId) {
  const std::string id = make_uuid7(static_cast<std::uint64_t>(clock_.unix_ms()));
  run(run_job(id, "web-1"));
  clock_.advance(std::chrono::hours(24 * 9));
  EXPECT_TRUE(submit(run_job(id, "web-1")).body.at("duplicate").boolean_or(false));
}

TEST_F(IntakeTest, AFullQueueAnswersBusy) {
  end_agent();
  start_agent(0);
  const Answer answer = submit(run_job("j1", "web-1"));
  EXPECT_EQ(answer.kind, "busy");
  EXPECT_GT(answer.body.at("retry_after_ms").integer_or(0), 0);
  EXPECT_FALSE(journal_->job("j1").value());
}

TEST_F(IntakeTest, CancelOfAnEndedJobIsAConflictAndOfAnUnknownOneNotFound) {
  run(run_job("j1", "web-1"));
  EXPECT_EQ(submit(job("c1", "job.cancel", "nobody")).body.at("code").string_or(""), "not_found");
  EXPECT_EQ(submit(job("c2", "job.cancel", "j1")).kind, "job.accepted");
  const JobRow row = await("c2");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("cancel job j1: it has succeeded already"));
}

TEST_F(IntakeTest, ACancelledJobNamesTheJobThatCancelledItAndIsNotCancelledTwice) {
  submit(run_job("j1", "web-1"));
  submit(job("j2", "container.stop", "web-1"));
  submit(job("c1", "job.cancel", "j2"));
  EXPECT_THAT(await("j2").result, HasSubstr("cancelled by job c1 before it began"));
  submit(job("c2", "job.cancel", "j2"));
  EXPECT_THAT(await("c2").result, HasSubstr("cancel job j2: it was cancelled already"));
}

TEST_F(IntakeTest, AWaitingJobIsCancelledAtOnce) {
  // Both in one turn: no worker can have taken the second, which waits for its container's lane.
  submit(run_job("j1", "web-1"));
  submit(job("j2", "container.stop", "web-1"));
  submit(job("c1", "job.cancel", "j2"));
  EXPECT_EQ(await("j2").state, JobState::cancelled);
  EXPECT_EQ(await("c1").state, JobState::succeeded);
  EXPECT_EQ(await("j1").state, JobState::succeeded);
}

TEST_F(IntakeTest, AJobThatWasOnlyQueuedAtTheCrashRunsAfterIt) {
  ASSERT_TRUE(
      journal_->add_job(JobRow{"j1", "container.run", "web-1", json::write(run_job("j1", "web-1")),
                               JobState::queued, "null", 1, 0}));
  ASSERT_TRUE(journal_->commit());
  end_agent();
  start_agent();
  ASSERT_TRUE(intake_->resume());
  EXPECT_EQ(await("j1").state, JobState::succeeded);
}

}  // namespace
}  // namespace drover::jobs
