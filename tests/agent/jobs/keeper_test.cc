#include "agent/jobs/keep/keeper.h"

#include <gmock/gmock.h>

#include "agent/jobs/own_job.h"
#include "agent/jobs/queries/views.h"
#include "keeper_fixture.h"

namespace drover::jobs {
namespace {

using namespace std::chrono_literals;
using fakes::FakeRuntime;
using testing::ElementsAre;
using testing::HasSubstr;

class KeeperTest : public KeeperFixture {
 protected:
  void run_kept(json::Object restart) {
    run(kept_job("j1", "web-1", std::move(restart)));
    settle();
    published_.clear();
  }
  std::vector<std::string> told_of_it() { return told("container", "web-1"); }
};

TEST_F(KeeperTest, ACrashedContainerIsInBackOffAndThenStartedByAJobOfTheAgentsOwn) {
  run_kept({{"policy", "on-failure"}});
  crash("web-1", 7);
  EXPECT_EQ(status("web-1"), Status::backoff);
  EXPECT_THAT(told_of_it(), ElementsAre("stopped", "backoff"));
  const json::Value told = newest("web-1", "backoff");
  EXPECT_EQ(told.at("attempt").integer_or(0), 1);
  EXPECT_EQ(told.at("exit").at("code").integer_or(0), 7);
  EXPECT_EQ(told.at("at").integer_or(0), keeping("web-1").next_at);
  EXPECT_GE(wait_of("web-1"), 750ms);
  EXPECT_LE(wait_of("web-1"), 1000ms);
  EXPECT_EQ(runtime_.starts("web-1"), 1);

  pass(1s);
  EXPECT_EQ(status("web-1"), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
  const JobRow own = journal_->jobs(1).value().front();
  EXPECT_EQ(own.verb, "container.start");
  EXPECT_EQ(own.made_by, "restart policy");
  EXPECT_EQ(keeping("web-1").restarts, 1);
}

TEST_F(KeeperTest, WithoutAPolicyItStaysStopped) {
  run(run_job("j1", "web-1"));
  crash("web-1");
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
  EXPECT_EQ(row("web-1").restarts, "null");
}

TEST_F(KeeperTest, OnFailureLeavesOneThatIsDoneAndExemptCodesAlone) {
  run_kept({{"policy", "on-failure"}, {"exempt_codes", json::Array{3}}});
  crash("web-1", 0);
  EXPECT_EQ(status("web-1"), Status::stopped);
  run(job("j2", "container.start", "web-1"));
  crash("web-1", 3);
  EXPECT_EQ(status("web-1"), Status::stopped);
  run(job("j3", "container.start", "web-1"));
  crash("web-1", std::nullopt);
  EXPECT_EQ(status("web-1"), Status::backoff) << "nobody knows how it ended";
}

TEST_F(KeeperTest, ACrashLoopComesToAMinuteAndStaysThere) {
  run_kept({{"policy", "always"}});
  std::chrono::milliseconds most = 1s;
  for (int i = 0; i < 9; ++i) {
    crash("web-1");
    EXPECT_LE(wait_of("web-1"), most) << i;
    EXPECT_GE(wait_of("web-1"), most * 3 / 4) << i;
    pass(wait_of("web-1"));
    ASSERT_EQ(status("web-1"), Status::running) << i;
    most = std::min<std::chrono::milliseconds>(most * 2, 60s);
  }
  EXPECT_EQ(most, 60s);
  EXPECT_EQ(runtime_.starts("web-1"), 10);
}

TEST_F(KeeperTest, TenMinutesOfRunningEndTheRow) {
  run_kept({{"policy", "always"}});
  for (int i = 0; i < 4; ++i) {
    crash("web-1");
    pass(60s);
  }
  EXPECT_EQ(keeping("web-1").in_row, 4);
  pass(9min);
  EXPECT_EQ(keeping("web-1").in_row, 4);
  pass(2min);
  EXPECT_EQ(keeping("web-1").in_row, 0) << "also shown while it runs";
  crash("web-1");
  EXPECT_LE(wait_of("web-1"), 1s);
  EXPECT_EQ(keeping("web-1").restarts, 4);
}

TEST_F(KeeperTest, ItGivesUpWhenTheAttemptsAreUsedUpAndSaysSo) {
  run_kept({{"policy", "always"}, {"max_attempts", 2}});
  for (int i = 0; i < 2; ++i) {
    crash("web-1");
    pass(5s);
  }
  published_.clear();
  crash("web-1", 9);
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
  EXPECT_THAT(told_of_it(), ElementsAre("stopped", "gave_up"));
  EXPECT_EQ(newest("web-1", "gave_up").at("attempts").integer_or(0), 2);
  EXPECT_EQ(newest("web-1", "gave_up").at("exit").at("code").integer_or(0), 9);

  restart_agent();
  settle();
  EXPECT_THAT(told_of_it(), ElementsAre("stopped", "gave_up")) << "said once";
  run(job("j2", "container.start", "web-1"));
  crash("web-1");
  EXPECT_EQ(status("web-1"), Status::backoff) << "somebody started it: a new row";
}

TEST_F(KeeperTest, AStopByAJobIsNoFailure) {
  run_kept({{"policy", "always"}});
  run(job("j2", "container.stop", "web-1"));
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
  EXPECT_EQ(runtime_.starts("web-1"), 1);
  restart_agent();
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
}

TEST_F(KeeperTest, AKillByAJobIsNoFailureAndAnotherSignalNoWishToEndIt) {
  run_kept({{"policy", "always"}});
  run(job("j2", "container.kill", "web-1", {{"signal", "USR1"}}));
  EXPECT_EQ(row("web-1").wanted, Wanted::running);
  crash("web-1", 138);
  EXPECT_EQ(status("web-1"), Status::backoff);
  pass(1s);
  run(job("j3", "container.kill", "web-1", {{"signal", "KILL"}}));
  crash("web-1", 137);
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
}

TEST_F(KeeperTest, AKillThatTheProgramIgnoresIsNoWishForItsLaterEnd) {
  run_kept({{"policy", "always"}});
  runtime_.ignore_signals();
  EXPECT_EQ(run(job("j2", "container.kill", "web-1", {{"signal", "TERM"}})).state,
            JobState::succeeded);
  EXPECT_EQ(status("web-1"), Status::running);
  EXPECT_EQ(row("web-1").wanted, Wanted::running);
  pass(11s);
  crash("web-1");
  EXPECT_EQ(status("web-1"), Status::backoff);
  pass(1s);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
  // One that takes its time, but no more than its grace, and whose agent ends meanwhile.
  run(job("j3", "container.kill", "web-1", {{"signal", "TERM"}}));
  restart_agent();
  pass(9s);
  crash("web-1", 0);
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
  EXPECT_EQ(row("web-1").wanted, Wanted::stopped);
}

TEST_F(KeeperTest, AStopDuringBackOffWinsAtOnce) {
  run_kept({{"policy", "always"}});
  crash("web-1", 4);
  EXPECT_EQ(run(job("j2", "container.stop", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(status("web-1"), Status::stopped);
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

TEST_F(KeeperTest, AKillDuringBackOffToo) {
  run_kept({{"policy", "always"}});
  crash("web-1", 4);
  EXPECT_EQ(run(job("j2", "container.kill", "web-1", {{"signal", "KILL"}})).state,
            JobState::succeeded);
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
  EXPECT_EQ(row("web-1").exit->code, 4);
}

TEST_F(KeeperTest, AStopDuringBackOffOfOneThatTheRuntimeHasNoMore) {
  run_kept({{"policy", "always"}});
  crash("web-1", 4);
  runtime_.forget("web-1");
  const JobRow stopped = run(job("j2", "container.stop", "web-1"));
  EXPECT_EQ(stopped.state, JobState::succeeded) << stopped.result;
  EXPECT_EQ(status("web-1"), Status::stopped);
}

TEST_F(KeeperTest, ADeleteDuringBackOffToo) {
  run_kept({{"policy", "always"}});
  crash("web-1");
  EXPECT_EQ(run(job("j2", "container.delete", "web-1")).state, JobState::succeeded);
  pass(1h);
  EXPECT_TRUE(leaves_nothing("web-1"));
}

TEST_F(KeeperTest, ARestartOrStartDuringBackOffStartsItOnceAndBeginsANewRow) {
  run_kept({{"policy", "always"}});
  int starts = 1;
  for (const char* verb : {"container.restart", "container.start"}) {
    crash("web-1");
    EXPECT_EQ(run(job(std::string("by-") + verb, verb, "web-1")).state, JobState::succeeded);
    pass(1h);
    EXPECT_EQ(status("web-1"), Status::running);
    EXPECT_EQ(runtime_.starts("web-1"), ++starts);
    EXPECT_EQ(keeping("web-1").in_row, 0);
  }
}

TEST_F(KeeperTest, AStopThatWaitsBehindTheStartWinsToo) {
  run_kept({{"policy", "always"}});
  crash("web-1");
  clock_.advance(1s);
  loop_->turn(0ms);  // the own job is submitted
  submit(job("j2", "container.stop", "web-1"));
  await("j2");
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
}

TEST_F(KeeperTest, AStartThatComesToItsTurnBehindAStopStartsNothing) {
  run_kept({{"policy", "always"}});
  crash("web-1");
  // The stop is in the lane when the own job comes, which nobody can order otherwise.
  submit(job("j2", "container.stop", "web-1"));
  const JobRequest own = own_job(clock_, Verb::container_start, "web-1").value();
  ASSERT_TRUE(intake_->submit_own(own, kByRestartPolicy));
  books_->commit();
  const JobRow ended = await(own.id.str());
  EXPECT_EQ(ended.state, JobState::cancelled);
  EXPECT_THAT(ended.result, HasSubstr("wanted stopped by now"));
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

TEST_F(KeeperTest, AStartThatFailsIsAFailureOfTheRow) {
  run_kept({{"policy", "always"}, {"max_attempts", 2}});
  crash("web-1");
  for (int attempt = 1; attempt <= 2; ++attempt) {
    runtime_.fail_next("start", Error{Code::broken, "no such program", {}});
    pass(wait_of("web-1"));
    if (attempt == 1) {
      EXPECT_EQ(status("web-1"), Status::backoff);
      EXPECT_EQ(newest("web-1", "backoff").at("attempt").integer_or(0), 2);
      EXPECT_THAT(std::string(newest("web-1", "backoff").at("message").string_or("")),
                  HasSubstr("no such program"));
      EXPECT_GT(wait_of("web-1"), 1s);
    }
  }
  EXPECT_EQ(status("web-1"), Status::stopped);
  EXPECT_THAT(told_of_it(), ElementsAre("stopped", "backoff", "backoff", "stopped", "gave_up"));
}

TEST_F(KeeperTest, BackOffGoesOnInTheNextAgent) {
  run_kept({{"policy", "always"}});
  for (int i = 0; i < 4; ++i) {
    crash("web-1");
    pass(10s);
  }
  crash("web-1");
  const std::chrono::milliseconds left = wait_of("web-1");
  EXPECT_GT(left, 10s);
  clock_.advance(5s);
  restart_agent();
  settle();
  EXPECT_EQ(wait_of("web-1"), left - 5s);
  pass(left - 6s);
  EXPECT_EQ(status("web-1"), Status::backoff);
  pass(1s);
  EXPECT_EQ(status("web-1"), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 6);
}

TEST_F(KeeperTest, AnAgentThatEndsWhileItStartsOneStartsItOnce) {
  run_kept({{"policy", "always"}});
  crash("web-1");
  for (const auto where : {FakeRuntime::Hold::before_deed, FakeRuntime::Hold::after_deed}) {
    const int starts = runtime_.starts("web-1");
    const int held = runtime_.held();
    runtime_.hold_next("start", where);
    clock_.advance(10s);
    while (runtime_.held() == held) {
      loop_->turn(10ms);
    }
    restart_agent();
    settle();
    pass(1min);
    EXPECT_EQ(status("web-1"), Status::running);
    EXPECT_EQ(runtime_.starts("web-1"), starts + 1);
    EXPECT_GT(keeping("web-1").in_row, 0) << "it was the policy's start";
    crash("web-1");
  }
}

TEST_F(KeeperTest, AStartOfItsOwnThatIsSeenBeforeItIsToldIsStillTheRows) {
  run_kept({{"policy", "always"}});
  crash("web-1");
  pass(1min);
  crash("web-1");
  const std::int64_t in_row = keeping("web-1").in_row;
  ASSERT_GT(in_row, 1);
  runtime_.pause_next("start", FakeRuntime::Hold::after_deed);
  const int held = runtime_.held();
  clock_.advance(10s);
  while (runtime_.held() == held) {
    loop_->turn(10ms);
  }
  // The look each minute comes before the job notes it.
  ASSERT_TRUE(note_observed(*books_, "web-1", runtimes::State{Status::running, 1, {}}));
  books_->commit();
  runtime_.let_go();
  settle();
  EXPECT_EQ(status("web-1"), Status::running);
  EXPECT_EQ(keeping("web-1").in_row, in_row);
}

TEST_F(KeeperTest, OneThatEndedWithoutAnAgentIsStartedByTheNext) {
  run_kept({{"policy", "on-failure"}});
  stop_keeping();  // an agent that dies behind the commit of `stopped`
  runtime_.end("web-1", 1);
  ASSERT_TRUE(note_status(*books_, "web-1", Status::stopped, Exit{1, false, 5}, ""));
  books_->commit();
  end_agent();
  start_agent();
  start_keeping();
  EXPECT_EQ(status("web-1"), Status::backoff);
  pass(1s);
  EXPECT_EQ(status("web-1"), Status::running);
}

TEST_F(KeeperTest, AReconcilingLookLeavesBackOffAlone) {
  run_kept({{"policy", "always"}});
  crash("web-1");
  ASSERT_TRUE(note_observed(*books_, "web-1", runtimes::State{Status::stopped, 0, Exit{1}}));
  ASSERT_TRUE(note_observed(*books_, "web-1", std::nullopt));
  books_->commit();
  EXPECT_EQ(status("web-1"), Status::backoff);
  ASSERT_TRUE(note_observed(*books_, "web-1", runtimes::State{Status::running, 1, {}}));
  books_->commit();
  settle();
  EXPECT_EQ(status("web-1"), Status::running) << "somebody started it by hand";
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

TEST_F(KeeperTest, ADrainedNodeStartsNothingAndAnUndrainedOneTakesItUp) {
  run_kept({{"policy", "always"}});
  run(job("d1", "node.drain", "pve1"));
  crash("web-1");
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::backoff);
  EXPECT_EQ(newest("web-1", "backoff").at("held").string_or(""), "the node is drained");
  EXPECT_THAT(told_of_it(), ElementsAre("stopped", "backoff", "backoff"));
  restart_agent();
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::backoff);
  run(job("d2", "node.undrain", "pve1"));
  settle();
  EXPECT_EQ(status("web-1"), Status::running);
  EXPECT_EQ(runtime_.starts("web-1"), 2);
}

TEST_F(KeeperTest, DrainingWithStopEndsBackOff) {
  run_kept({{"policy", "always"}});
  crash("web-1");
  run(job("d1", "node.drain", "pve1", json::Object{{"stop_containers", true}}));
  settle();
  EXPECT_EQ(status("web-1"), Status::stopped);
  run(job("d2", "node.undrain", "pve1"));
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
}

TEST_F(KeeperTest, AfterANodesEndOnlyAlwaysStartsAgain) {
  run_kept({{"policy", "always"}});
  run(kept_job("j2", "web-2", {{"policy", "on-failure"}}));
  run(kept_job("j3", "web-3", {{"policy", "on-failure"}}));
  settle();
  crash("web-3");
  for (const char* name : {"web-1", "web-2", "web-3"}) {
    runtime_.forget(name);
    ASSERT_TRUE(mark_ended_with_node(*journal_, name));
    ASSERT_TRUE(note_observed(*books_, name, std::nullopt));
    books_->commit();
  }
  restart_agent();
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::running);
  EXPECT_EQ(status("web-2"), Status::stopped);
  EXPECT_EQ(status("web-3"), Status::stopped) << "also one that was in back-off";
}

TEST_F(KeeperTest, ACrashBeforeItsJobHasEndedIsSeenWhenItHas) {
  json::Object request = kept_job("j1", "web-1", {{"policy", "always"}});
  submit(request);
  while (journal_->container("web-1").value() == std::nullopt ||
         status("web-1") != Status::running) {
    loop_->turn(1ms);
  }
  crash("web-1");
  EXPECT_EQ(status("web-1"), Status::backoff);
}

TEST_F(KeeperTest, OneThatStoppedWhileAJobIsAboutItShowsThatItWillBeStartedAgain) {
  run_kept({{"policy", "on-failure"}});
  const auto pending = [this] {
    const json::Value view(container_view(row("web-1"), layout_, false).value());
    return view.at("restarts").at("pending").boolean_or(false);
  };
  EXPECT_FALSE(pending());
  ASSERT_TRUE(note_status(*books_, "web-1", Status::stopped, Exit{1, false, 1}, ""));
  EXPECT_TRUE(pending());
  settle();
  EXPECT_FALSE(pending()) << "it is in back-off, and says so";
  run(job("j2", "container.stop", "web-1"));
  EXPECT_FALSE(pending());
  run(job("j3", "container.start", "web-1"));
  crash("web-1", 0);
  EXPECT_FALSE(pending()) << "it is done";
}

TEST_F(KeeperTest, AContainerShowsItsRestarts) {
  run_kept({{"policy", "always"}});
  crash("web-1");
  const json::Value view(container_view(row("web-1"), layout_, false).value());
  EXPECT_EQ(view.at("status").string_or(""), "backoff");
  EXPECT_EQ(view.at("restarts").at("in_row").integer_or(0), 1);
  EXPECT_EQ(view.at("restarts").at("next_at").integer_or(0), keeping("web-1").next_at);
}

}  // namespace
}  // namespace drover::jobs
