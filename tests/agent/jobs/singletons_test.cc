// Singletons: what runs under a claim of etcd's, and the guard that ends it when its claim has.
// With three members of a real etcd.
#include <gmock/gmock.h>
#include <poll.h>

#include <csignal>

#include "agent/jobs/singletons/singleton_watch.h"
#include "agent/system/boot_time.h"
#include "fakes/etcd_cluster.h"
#include "node_fixture.h"
#include "runtimes/claim_file.h"
#include "runtimes/claim_guard.h"

namespace drover::jobs {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class SingletonsTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    settings_.endpoints = etcd_.settings().endpoints;
    settings_.ttl_s = 6;
    settings_.grace_s = 1;
    begin();
  }
  void TearDown() override {
    end();
    NodeFixture::TearDown();
  }
  void begin() {
    auto made = Singletons::make(settings_, {"pve1", layout_, {}});
    ASSERT_TRUE(made) << made.error().message;
    singletons_ = std::move(*made);
    node_->singletons = singletons_.get();
    watch_ = std::make_unique<SingletonWatch>(*loop_, *books_, *intake_, clock_, *singletons_);
  }
  void end() {
    watch_.reset();
    node_->singletons = nullptr;
    singletons_.reset();
  }
  json::Object singleton(const std::string& id, const std::string& name, json::Value wish = true) {
    json::Object request = run_job(id, name);
    request.find("spec")->object()->set("singleton", std::move(wish));
    return request;
  }
  std::int64_t attempt_of(const std::string& name) {
    return container_record_from(journal_->container(name).value()->container)
        .value()
        .container.attempt;
  }
  /// Looks after singletons until `done`, as the agent does.
  template <class Done>
  bool comes(const Done& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) {
        return false;
      }
      watch_->look();
      loop_->turn(std::chrono::milliseconds(20));
    }
    return true;
  }
  /// As another node, which has nothing but etcd in common with this one.
  struct Other {
    explicit Other(const etcd::Settings& settings)
        : gateway(std::move(*etcd::Gateway::make(settings))), client(*gateway) {}
    std::unique_ptr<etcd::Gateway> gateway;
    etcd::Client client;
    etcd::Claims claims{client, "/drover", {std::chrono::seconds(60), std::chrono::seconds(5)}};
    system::Stop stop;
  };

  fakes::EtcdCluster etcd_{3};
  Other other_{etcd_.settings()};
  EtcdConfig settings_;
  std::unique_ptr<Singletons> singletons_;
  std::unique_ptr<SingletonWatch> watch_;
};

TEST_F(SingletonsTest, WhatAnotherNodeHoldsIsNotStartedUntilItIsGivenBack) {
  const auto taken = other_.claims.take("web", "pve2", other_.stop);
  ASSERT_TRUE(taken) << taken.error().message;
  const JobRow refused = run(singleton("j1", "web-1", json::Object{{"claim", "web"}}));
  EXPECT_EQ(refused.state, JobState::failed);
  EXPECT_THAT(refused.result, HasSubstr("\"conflict\""));
  EXPECT_THAT(refused.result, HasSubstr("node pve2 holds claim"));
  EXPECT_THAT(refused.result, HasSubstr("(attempt 1)"));
  EXPECT_FALSE(runtime_.has("web-1"));
  ASSERT_TRUE(other_.claims.release(std::get<etcd::Claim>(*taken), other_.stop));
  const JobRow begun = run(singleton("j2", "web-1", json::Object{{"claim", "web"}}));
  EXPECT_EQ(begun.state, JobState::succeeded) << begun.result;
  EXPECT_EQ(attempt_of("web-1"), 2);
  EXPECT_EQ((*other_.claims.holder("web", other_.stop))->node, "pve1");
}

TEST_F(SingletonsTest, EachStartIsAnotherAttemptAndTheLastStopGivesItBack) {
  ASSERT_EQ(run(singleton("j1", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(attempt_of("web-1"), 1);
  const JobRow again = run(job("j2", "container.restart", "web-1"));
  ASSERT_EQ(again.state, JobState::succeeded) << again.result;
  EXPECT_EQ(attempt_of("web-1"), 2);
  json::Value told;
  for (const Event& event : published_) {
    if (event.object == "web-1" && event.what == "running") {
      told = event.data;
    }
  }
  EXPECT_EQ(told.at("claim").at("attempt").integer_or(0), 2);
  ASSERT_EQ(run(job("j3", "container.stop", "web-1")).state, JobState::succeeded);
  EXPECT_TRUE(comes([&] { return !*other_.claims.holder("web-1", other_.stop); }));
  ASSERT_EQ(run(job("j4", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(attempt_of("web-1"), 3);
  ASSERT_EQ(run(job("j5", "container.delete", "web-1", {{"force", true}})).state,
            JobState::succeeded);
  EXPECT_TRUE(comes([&] { return !*other_.claims.holder("web-1", other_.stop); }));
}

TEST_F(SingletonsTest, OneOfTwoContainersOfANodeHasTheClaimThatBothName) {
  ASSERT_EQ(run(singleton("j1", "web-1", json::Object{{"claim", "web"}})).state,
            JobState::succeeded);
  const JobRow second = run(singleton("j2", "web-2", json::Object{{"claim", "web"}}));
  EXPECT_EQ(second.state, JobState::failed);
  EXPECT_THAT(second.result, HasSubstr("container web-1 of this node holds claim"));
}

TEST_F(SingletonsTest, AnAgentThatComesBackRenewsTheSameClaim) {
  ASSERT_EQ(run(singleton("j1", "web-1")).state, JobState::succeeded);
  const auto before = singletons_->held().at("web-1").claim;
  end();
  end_agent();
  start_agent();
  begin();
  EXPECT_TRUE(comes([&] {
    return singletons_->held().at("web-1").claim.good_until > before.good_until;
  })) << "it is renewed";
  EXPECT_EQ(singletons_->held().at("web-1").claim.lease, before.lease);
  EXPECT_EQ((*other_.claims.holder("web-1", other_.stop))->attempt, 1);
  EXPECT_EQ(journal_->container("web-1").value()->status, Status::running);
}

TEST_F(SingletonsTest, WhatCannotBeRenewedHasEndedBeforeOthersMayTakeIt) {
  ASSERT_EQ(run(singleton("j1", "web-1")).state, JobState::succeeded);
  for (std::size_t member = 0; member < 3; ++member) {
    etcd_.kill(member);
  }
  const auto ends = singletons_->held().at("web-1").claim.good_until + std::chrono::seconds(2);
  ASSERT_TRUE(
      comes([&] { return journal_->container("web-1").value()->status == Status::stopped; }));
  EXPECT_LT(system::boot_time(), ends);
  EXPECT_THAT(told("container", "web-1"), Contains("claim_lost"));
  EXPECT_EQ(journal_->container("web-1").value()->wanted, Wanted::running)
      << "its restart policy goes on";
  json::Object request = singleton("j2", "web-2");
  request.set("attempts", 1);
  const JobRow unasked = run(request);
  EXPECT_EQ(unasked.state, JobState::failed);
  EXPECT_THAT(unasked.result, HasSubstr("\"unavailable\""));
}

TEST_F(SingletonsTest, OneThatSomebodyTookAwayIsLostAtItsRenewal) {
  ASSERT_EQ(run(singleton("j1", "web-1")).state, JobState::succeeded);
  ASSERT_TRUE(other_.client.revoke(singletons_->held().at("web-1").claim.lease, other_.stop));
  EXPECT_TRUE(
      comes([&] { return journal_->container("web-1").value()->status == Status::stopped; }));
  EXPECT_THAT(told("container", "web-1"), Contains("claim_lost"));
}

TEST_F(SingletonsTest, ANodeWithoutEtcdRefusesThem) {
  end();
  const Answer answer = submit(singleton("j1", "web-1"));
  EXPECT_THAT(json::write(answer.body), HasSubstr("etcd.endpoints"));
  EXPECT_FALSE(journal_->container("web-1").value());
}

/// A process that stands for a container's first one, and the guard of its claim.
class ClaimGuardTest : public testing::Test {
 protected:
  void begin(std::chrono::milliseconds time) {
    auto program = system::Child::start({"sleep", "1000"});
    ASSERT_TRUE(program) << program.error().message;
    program_.emplace(std::move(*program));
    std::ofstream(guarded_.pid_file) << program_->pid();
    extend(time);
    const Result<> started = runtimes::start_guard(EXEC_PROGRAM, guarded_, system::Stop());
    ASSERT_TRUE(started) << started.error().message;
  }
  void extend(std::chrono::milliseconds time, std::int64_t attempt = 7) {
    good_until_ = system::boot_time() + time;
    ASSERT_TRUE(
        runtimes::write_claim_file(guarded_.claim_file, {"web", "pve1", attempt, 12, good_until_}));
  }
  void TearDown() override {
    if (program_) {
      program_->signal(SIGKILL);
      EXPECT_TRUE(program_->wait(system::Stop()));
    }
  }
  std::optional<system::Ending> ends_within(std::chrono::milliseconds time) {
    pollfd ended{program_->pidfd(), POLLIN, 0};
    poll(&ended, 1, static_cast<int>(time.count()));
    return program_->try_wait();
  }

  fakes::TempFolder folder_;
  runtimes::GuardedClaim guarded_{folder_ / "claim", 7, folder_ / "pid"};
  std::optional<system::Child> program_;
  std::chrono::nanoseconds good_until_{};
};

TEST_F(ClaimGuardTest, EndsTheProgramWhenItsTimeIsOverAndNotBefore) {
  begin(std::chrono::milliseconds(500));
  extend(std::chrono::milliseconds(1500));
  const auto ending = ends_within(std::chrono::seconds(30));
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->signal, SIGKILL);
  EXPECT_GE(system::boot_time(), good_until_);
  program_.reset();
}

TEST_F(ClaimGuardTest, EndsOneWhoseClaimIsGone) {
  begin(std::chrono::milliseconds(300));
  std::filesystem::remove(guarded_.claim_file);
  EXPECT_TRUE(ends_within(std::chrono::seconds(30)));
  program_.reset();
}

TEST_F(ClaimGuardTest, EndsOneThatIsStartedTooLate) {
  std::ofstream(guarded_.pid_file) << "";
  extend(std::chrono::milliseconds(1));
  ASSERT_TRUE(runtimes::start_guard(EXEC_PROGRAM, guarded_, system::Stop()));
  auto program = system::Child::start({"sleep", "1000"});
  ASSERT_TRUE(program);
  program_.emplace(std::move(*program));
  std::ofstream(guarded_.pid_file) << program_->pid();
  EXPECT_TRUE(ends_within(std::chrono::seconds(30)));
  program_.reset();
}

TEST_F(ClaimGuardTest, LeavesWhatRunsForAnotherAttempt) {
  begin(std::chrono::milliseconds(200));
  extend(std::chrono::milliseconds(0), 8);
  EXPECT_FALSE(ends_within(std::chrono::milliseconds(600)));
}

}  // namespace
}  // namespace drover::jobs
