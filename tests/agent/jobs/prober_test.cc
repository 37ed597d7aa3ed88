#include "agent/jobs/keep/prober.h"

#include <gmock/gmock.h>

#include <fstream>

#include "agent/jobs/own_job.h"
#include "agent/jobs/queries/queries.h"
#include "fakes/inner_listener.h"
#include "keeper_fixture.h"

namespace drover::jobs {
namespace {

using namespace std::chrono_literals;
using fakes::FakeRuntime;
using fakes::InnerListener;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ProberTest : public KeeperFixture {
 protected:
  void SetUp() override {
    KeeperFixture::SetUp();
    start_probing();
  }
  void TearDown() override {
    prober_.reset();
    KeeperFixture::TearDown();
  }
  void start_probing() {
    prober_ = std::make_unique<Prober>(*loop_, *books_, *intake_, clock_, *node_);
    react_ = [this](const Event& event) {
      keeper_->hear(event);
      prober_->hear(event);
    };
    EXPECT_TRUE(prober_->take_up());
  }
  void restart_probing_agent() {
    prober_.reset();
    restart_agent();
    start_probing();
  }

  /// A container with one probe every 10 s that may take 2, and 3 failures.
  void run_probed(json::Object question, json::Object more = {}, json::Object restart = {}) {
    json::Object request = run_job("j1", "web-1");
    json::Object probe{{"name", "p"}};
    for (json::Object* part : {&question, &more}) {
      for (const auto& [key, value] : *part) {
        probe.set(key, value);
      }
    }
    request.find("spec")->object()->set("probes", json::Array{std::move(probe)});
    request.find("spec")->object()->set("restart", std::move(restart));
    EXPECT_EQ(run(request).state, JobState::succeeded);
    settle();
    published_.clear();
  }
  static json::Object exec() { return {{"exec", json::Object{{"command", json::Array{"check"}}}}}; }
  static json::Object http() {
    return {{"http", json::Object{{"port", 8080}, {"path", "/ready?x=1"}}}};
  }
  static json::Object tcp() { return {{"tcp", json::Object{{"port", 8080}}}}; }
  system::Path inside() { return record().container.netns; }
  ContainerRecord record() { return container_record_from(row("web-1").container).value(); }

  json::Value probe() {
    const json::Array probes = prober_->view("web-1");
    return probes.empty() ? json::Value() : probes.front();
  }
  /// Time passes until the probe is due, and it has its answer.
  void ask_once(system::Duration interval = 10s) {
    const std::int64_t before = probe().at("at").integer_or(0);
    clock_.advance(interval);
    while (probe().at("at").integer_or(0) == before) {
      loop_->turn(10ms);
    }
    settle();
  }
  std::string message() { return std::string(probe().at("message").string_or("")); }
  std::vector<std::string> told_of_it() { return told("container", "web-1"); }

  std::unique_ptr<Prober> prober_;
};

TEST_F(ProberTest, AProgramThatEndsWithZeroIsASuccessAndMakesItHealthy) {
  run_probed(exec());
  EXPECT_EQ(keeping("web-1").health, Health::starting);
  runtime_.set_exec_code(0);
  ask_once();
  EXPECT_TRUE(probe().at("ok").boolean_or(false));
  EXPECT_EQ(keeping("web-1").health, Health::healthy);
  EXPECT_THAT(told_of_it(), ElementsAre("healthy"));
  ask_once();
  EXPECT_THAT(told_of_it(), ElementsAre("healthy")) << "told once";
}

TEST_F(ProberTest, FailuresInARowMakeItUnhealthyAndItIsEndedAndItsPolicyApplies) {
  run_probed(exec(), {}, {{"policy", "on-failure"}, {"exempt_codes", json::Array{143}}});
  ask_once();
  ask_once();
  EXPECT_THAT(told_of_it(), IsEmpty());
  EXPECT_EQ(probe().at("failures").integer_or(0), 2);
  EXPECT_THAT(message(), HasSubstr("check ended with 3: ran check"));
  ask_once();
  EXPECT_THAT(told_of_it(), ElementsAre("unhealthy", "stopping", "stopped", "backoff"));
  const json::Value told = newest("web-1", "unhealthy");
  EXPECT_EQ(told.at("probe").string_or(""), "p");
  EXPECT_EQ(told.at("failures").integer_or(0), 3);
  EXPECT_THAT(std::string(told.at("message").string_or("")), HasSubstr("ended with 3"));
  const JobRow own = journal_->jobs(1).value().front();
  EXPECT_EQ(own.verb, "container.stop");
  EXPECT_EQ(own.made_by, "probe p");
  EXPECT_EQ(own.state, JobState::succeeded);
  EXPECT_EQ(row("web-1").wanted, Wanted::running);

  pass(1s);
  EXPECT_EQ(status("web-1"), Status::running);
  EXPECT_EQ(keeping("web-1").health, Health::starting) << "begun anew";
  EXPECT_EQ(runtime_.starts("web-1"), 2);
  published_.clear();
  ask_once();
  EXPECT_THAT(told_of_it(), IsEmpty()) << "one failure is no row";
}

TEST_F(ProberTest, WithoutAPolicyAnUnhealthyOneStaysStopped) {
  run_probed(exec(), {{"failures", 1}});
  ask_once();
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
  EXPECT_EQ(keeping("web-1").health, Health::unhealthy);
}

TEST_F(ProberTest, ASuccessBetweenEndsTheRow) {
  run_probed(exec());
  ask_once();
  ask_once();
  runtime_.set_exec_code(0);
  ask_once();
  runtime_.set_exec_code(1);
  ask_once();
  ask_once();
  EXPECT_EQ(probe().at("failures").integer_or(0), 2);
  EXPECT_EQ(status("web-1"), Status::running);
}

TEST_F(ProberTest, FailuresInTheStartPeriodDoNotCountUntilTheFirstSuccess) {
  run_probed(exec(), {{"start_period_s", 35}, {"failures", 1}});
  for (int i = 0; i < 3; ++i) {
    ask_once();
  }
  EXPECT_EQ(probe().at("failures").integer_or(-1), 0);
  EXPECT_FALSE(probe().at("ok").boolean_or(true));
  EXPECT_EQ(status("web-1"), Status::running);
  ask_once();
  EXPECT_THAT(told_of_it(), Contains("unhealthy"));
}

TEST_F(ProberTest, ASuccessEndsTheStartPeriod) {
  run_probed(exec(), {{"start_period_s", 1000}, {"failures", 1}});
  runtime_.set_exec_code(0);
  ask_once();
  runtime_.set_exec_code(1);
  ask_once();
  EXPECT_THAT(told_of_it(), Contains("unhealthy"));
}

TEST_F(ProberTest, TheStartPeriodGoesOnInTheNextAgent) {
  run_probed(exec(), {{"start_period_s", 25}, {"failures", 1}});
  ask_once();
  clock_.advance(8s);
  restart_probing_agent();
  ask_once();  // 28 s after the start
  EXPECT_THAT(told_of_it(), Contains("unhealthy"));
}

TEST_F(ProberTest, WhatTheNodeCannotAskSaysNothingOfTheContainer) {
  run_probed(exec(), {{"failures", 1}});
  runtime_.fail_next("exec", Error{Code::unavailable, "the API does not answer", {}});
  ask_once();
  EXPECT_TRUE(probe().at("ok").is_null());
  EXPECT_EQ(message(), "the API does not answer");
  EXPECT_EQ(status("web-1"), Status::running);
  runtime_.fail_next("exec", Error{Code::invalid, "check: no such file", {}});
  ask_once();
  EXPECT_THAT(told_of_it(), Contains("unhealthy")) << "a program that is not there has failed";
}

/// A snapshot of a large root takes long, and ended the program that it had kept.
TEST_F(ProberTest, WhatIsHeldStillForASnapshotHasNotFailed) {
  runtime_.set_capabilities({.restartable = true, .no_snapshots = ""});
  run_probed(exec(), {{"failures", 1}});
  submit_paused(job("j2", "container.snapshot", "web-1", {{"snapshot", "one"}}), "take_snapshot",
                FakeRuntime::Hold::before_deed);
  clock_.advance(10s);
  while (probe().at("at").is_null()) {
    loop_->turn(10ms);
  }
  EXPECT_TRUE(probe().at("ok").is_null());
  EXPECT_EQ(message(), "a job holds its program still");
  runtime_.let_go();
  settle();
  ASSERT_EQ(status("web-1"), Status::running);
  ask_once();
  EXPECT_THAT(told_of_it(), Contains("unhealthy")) << "and has now";
}

/// Proxmox takes "suspend" in place of "snapshot" where a storage keeps none, and says so late.
TEST_F(ProberTest, WhatABackupReallyHoldsStillHasNotFailed) {
  runtime_.set_capabilities({.restartable = true, .no_backups = ""});
  run_probed(exec(), {{"failures", 1}});
  for (const std::string mode : {"", "suspend", "snapshot"}) {
    runtime_.set_backup_mode(mode);
    submit_paused(job("j2" + mode, "container.backup", "web-1", {{"storage", "nas"}}),
                  "make_backup", FakeRuntime::Hold::before_deed);
    const std::int64_t before = probe().at("at").integer_or(0);
    clock_.advance(10s);
    while (probe().at("at").integer_or(0) == before) {
      loop_->turn(10ms);
    }
    const bool held = mode != "snapshot";
    EXPECT_EQ(message() == "a job holds its program still", held) << mode;
    EXPECT_EQ(probe().at("failures").integer_or(0), held ? 0 : 1) << mode;
    runtime_.let_go();
    settle();
  }
  EXPECT_THAT(told_of_it(), Contains("unhealthy"));
}

TEST_F(ProberTest, OneThatTakesTooLongHasFailed) {
  run_probed(exec(), {{"failures", 1}});
  runtime_.hold_next("exec", FakeRuntime::Hold::before_deed);
  clock_.advance(10s);
  while (runtime_.held() == 0) {
    loop_->turn(10ms);
  }
  ask_once(2s);
  EXPECT_EQ(newest("web-1", "unhealthy").at("message").string_or(""), "no answer within 2 s");
}

TEST_F(ProberTest, OneThatHangsDelaysNeitherTheLoopNorOthers) {
  run_probed(exec());
  runtime_.hold_next("exec", FakeRuntime::Hold::before_deed);
  clock_.advance(10s);
  while (runtime_.held() == 0) {
    loop_->turn(10ms);
  }
  EXPECT_EQ(run(run_job("j2", "web-2")).state, JobState::succeeded);
  EXPECT_TRUE(probe().at("at").is_null());
}

TEST_F(ProberTest, HttpAsksInsideTheContainersNetwork) {
  run_probed(http(), {{"failures", 1}});
  {
    InnerListener server(inside(), 8080, "HTTP/1.1 204 No Content\r\n\r\n");
    ask_once();
    EXPECT_TRUE(probe().at("ok").boolean_or(false)) << message();
    EXPECT_THAT(server.request(), HasSubstr("GET /ready?x=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"));
  }
  EXPECT_THAT(told_of_it(), ElementsAre("healthy"));
  ask_once();
  EXPECT_THAT(std::string(newest("web-1", "unhealthy").at("message").string_or("")),
              HasSubstr("Connection refused"));
}

TEST_F(ProberTest, HttpFailsByStatusAndByWhatIsNoHttp) {
  run_probed(http());
  {
    const InnerListener server(inside(), 8080, "HTTP/1.0 503 Service Unavailable\r\n\r\n");
    ask_once();
    EXPECT_EQ(message(),
              "GET /ready?x=1 from port 8080: the answer is \"HTTP/1.0 503 Service Unavailable\"");
  }
  const InnerListener server(inside(), 8080, "\x01\xffSSH-2.0\r\n");
  ask_once();
  EXPECT_THAT(message(), HasSubstr("no HTTP answer: \" \xEF\xBF\xBDSSH-2.0\""));
  EXPECT_EQ(probe().at("failures").integer_or(0), 2);
}

TEST_F(ProberTest, HttpOfAServerThatNeverAnswersTimesOut) {
  run_probed(http());
  const InnerListener silent(inside(), 8080);
  clock_.advance(10s);
  loop_->turn(0ms);
  ASSERT_TRUE(silent.has_visitor());
  ask_once(2s);
  EXPECT_EQ(message(), "no answer within 2 s");
}

TEST_F(ProberTest, TcpIsContentWithAConnection) {
  run_probed(tcp(), {{"failures", 2}});
  ask_once();
  EXPECT_FALSE(probe().at("ok").boolean_or(true));
  const InnerListener silent(inside(), 8080);
  ask_once();
  EXPECT_TRUE(probe().at("ok").boolean_or(false)) << message();
}

TEST_F(ProberTest, OneThatHasAnotherLeaseIsAskedAtItsNewAddress) {
  run_probed(tcp());
  ask_once();
  EXPECT_THAT(message(), HasSubstr("connect to 127.0.0.1 "));
  ContainerRow changed = row("web-1");
  ContainerRecord leased = record();
  runtimes::Attachment attachment{};
  attachment.interface = "eth0";
  attachment.address = "127.0.0.9/8";
  leased.interfaces = {attachment};
  changed.container = json::write(to_json(leased));
  ASSERT_TRUE(journal_->put_container(changed));
  ASSERT_TRUE(books_->tell(Event{
      .kind = "network",
      .object = "vmbr0",
      .what = "restored",
      .data = {{"container", "web-1"}, {"state", "lease"}, {"address", attachment.address}}}));
  books_->commit();
  settle();
  ask_once();
  EXPECT_THAT(message(), HasSubstr("connect to 127.0.0.9 "));
}

TEST_F(ProberTest, OnlyARunningContainerIsAsked) {
  run_probed(exec());
  ask_once();
  const std::int64_t last = probe().at("at").integer_or(0);
  run(job("j2", "container.pause", "web-1"));
  pass(1h);
  EXPECT_EQ(probe().at("at").integer_or(0), last);
  run(job("j3", "container.resume", "web-1"));
  ask_once();
  EXPECT_EQ(probe().at("failures").integer_or(0), 1) << "begun anew";
  run(job("j4", "container.stop", "web-1"));
  const std::int64_t stopped = probe().at("at").integer_or(0);
  pass(1h);
  EXPECT_EQ(probe().at("at").integer_or(0), stopped);
  run(job("j5", "container.delete", "web-1"));
  EXPECT_TRUE(probe().is_null());
}

TEST_F(ProberTest, AnAnswerThatComesWhenItRunsNoMoreIsDropped) {
  run_probed(exec(), {{"failures", 1}});
  runtime_.hold_next("exec", FakeRuntime::Hold::before_deed);
  clock_.advance(10s);
  while (runtime_.held() == 0) {
    loop_->turn(10ms);
  }
  run(job("j2", "container.stop", "web-1"));
  settle();
  EXPECT_THAT(told_of_it(), ElementsAre("stopping", "stopped"));
}

TEST_F(ProberTest, AStopByAJobOfOneThatIsUnhealthyHasTheLastWord) {
  run_probed(exec(), {{"failures", 1}}, {{"policy", "always"}});
  clock_.advance(10s);
  while (!journal_->has_unfinished("web-1").value()) {
    loop_->turn(10ms);
  }
  submit(job("j2", "container.stop", "web-1"));
  settle();
  pass(1h);
  EXPECT_EQ(status("web-1"), Status::stopped);
  EXPECT_EQ(runtime_.starts("web-1"), 1);
}

TEST_F(ProberTest, AnUnhealthyOnesStopBehindARestartLeavesTheNewProgramAlone) {
  run_probed(exec(), {{"failures", 1}}, {{"policy", "always"}});
  submit(job("j2", "container.restart", "web-1"));
  const JobRequest own = own_job(clock_, Verb::container_stop, "web-1").value();
  ASSERT_TRUE(intake_->submit_own(own, std::string(kByProbe) + "p"));
  books_->commit();
  EXPECT_EQ(await(own.id.str()).state, JobState::cancelled);
  settle();
  EXPECT_EQ(status("web-1"), Status::running);
  EXPECT_EQ(row("web-1").wanted, Wanted::running);
}

TEST_F(ProberTest, OneThatCannotBeEndedIsAskedOn) {
  run_probed(exec(), {{"failures", 1}});
  runtime_.fail_next("stop", Error{Code::broken, "the kernel says no", {}});
  ask_once();
  EXPECT_EQ(status("web-1"), Status::running);
  runtime_.set_exec_code(0);
  ask_once();
  EXPECT_THAT(told_of_it(), ElementsAre("unhealthy", "stopping", "running", "healthy"));
}

class FullDiskProberTest : public ProberTest {
 protected:
  void SetUp() override {
    const std::string state = folder_.path() / "state";
    std::filesystem::create_directories(state);
    ASSERT_EQ(mount("tmpfs", state.c_str(), "tmpfs", 0, "size=16m"), 0);
    ProberTest::SetUp();
  }
  void TearDown() override {
    ProberTest::TearDown();
    umount2(layout_.state.c_str(), MNT_DETACH);
  }
  std::filesystem::path filler() const { return layout_.state / "filler"; }
  void fill() {
    std::ofstream file(filler());
    while (file << std::string(4096, 'x') << std::flush) {
    }
  }
};

TEST_F(FullDiskProberTest, WhatCouldNotBeWrittenOfAnUnhealthyOneIsFoundOutAgain) {
  run_probed(exec(), {{"failures", 1}});
  fill();
  clock_.advance(10s);
  for (int turns = 0; turns < 40; ++turns) {
    loop_->turn(5ms);
  }
  EXPECT_THAT(told_of_it(), IsEmpty()) << "there was no space to write it";
  std::filesystem::remove(filler());
  for (int turns = 0; turns < 500 && status("web-1") != Status::stopped; ++turns) {
    clock_.advance(200ms);
    loop_->turn(5ms);
  }
  EXPECT_THAT(told_of_it(), ElementsAre("unhealthy", "stopping", "stopped"));
}

TEST_F(ProberTest, HealthyIsNotToldAgainByTheNextAgent) {
  run_probed(exec());
  runtime_.set_exec_code(0);
  ask_once();
  restart_probing_agent();
  ask_once();
  EXPECT_THAT(told_of_it(), ElementsAre("healthy"));
}

TEST_F(ProberTest, ARowOfRestartsEndsTenMinutesAfterItBecameHealthy) {
  run_probed(exec(), {{"failures", 1}}, {{"policy", "always"}});
  ask_once();
  pass(1s);
  EXPECT_EQ(keeping("web-1").in_row, 1);
  runtime_.set_exec_code(0);
  ask_once();
  pass(9min);
  EXPECT_EQ(keeping("web-1").in_row, 1);
  pass(1min);
  EXPECT_EQ(keeping("web-1").in_row, 0);
}

TEST_F(ProberTest, InspectShowsWhatProbesSay) {
  run_probed(exec());
  ask_once();
  Queries queries(*journal_, *supervisor_, *node_, *disk_, prober_.get());
  const json::Value shown =
      queries.answer("query.container", json::Object{{"name", "web-1"}}).value();
  EXPECT_EQ(shown.at("health").string_or(""), "starting");
  EXPECT_EQ(shown.at("probes").array()->front(), probe());
  EXPECT_THAT(json::write(probe()), HasSubstr("\"name\":\"p\",\"ok\":false,\"failures\":1"));
}

}  // namespace
}  // namespace drover::jobs
