#include <gtest/gtest.h>

#include "some_agents.h"

namespace drover::dispatch {
namespace {

class LedgerLiveness : public ::testing::Test {
 protected:
  LedgerLiveness() {
    agent_.facts.containers = {{"web", {}, "running"}};
    agent_.jobs = {{"j1", "running"}};
    EXPECT_TRUE(at_.ledger.hello(agent_.hello(), at_.now));
  }

  Liveness liveness() { return at_.ledger.facts("n1")->liveness; }

  SomeAgent agent_{"n1"};
  TickingLedger at_;
};

TEST_F(LedgerLiveness, HeartbeatsKeepANodeAlive) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(at_.pass(1), "");
    EXPECT_EQ(at_.ledger.heartbeat(agent_.heartbeat(), at_.now), Heard::kept);
  }
  EXPECT_EQ(liveness(), Liveness::alive);
}

TEST_F(LedgerLiveness, ASilentNodeIsSuspectAfterThreeSecondsAndDeadAfterFive) {
  EXPECT_EQ(at_.pass(2), "");
  EXPECT_EQ(at_.pass(1), "n1 suspect");
  EXPECT_EQ(at_.where("web"), "container n1 running");  // nothing is said of what is there
  EXPECT_EQ(at_.pass(1), "");
  EXPECT_EQ(at_.pass(1), "n1 dead");
  EXPECT_EQ(at_.pass(100), "");  // told once
  EXPECT_EQ(at_.where("web"), "container n1 running, unreachable");
  EXPECT_EQ(at_.where("j1"), "job n1 running, unreachable");
}

TEST_F(LedgerLiveness, ASuspectNodeRecoversByAHeartbeatOrAChange) {
  at_.pass(4);
  ASSERT_EQ(liveness(), Liveness::suspect);
  EXPECT_EQ(at_.ledger.heartbeat(agent_.heartbeat(), at_.now), Heard::kept);
  EXPECT_EQ(at_.pass(1), "n1 recovered");
  EXPECT_EQ(at_.pass(2), "n1 suspect");
  EXPECT_EQ(at_.ledger.changed(agent_.change(ThingKind::job, "j1", "succeeded"), at_.now),
            Heard::kept);
  EXPECT_EQ(at_.pass(1), "n1 recovered");
}

TEST_F(LedgerLiveness, ADeadNodeIsBackByItsHelloOnly) {
  at_.pass(5);
  EXPECT_EQ(at_.ledger.heartbeat(agent_.heartbeat(), at_.now), Heard::ask_hello);
  EXPECT_EQ(at_.ledger.changed(agent_.change(ThingKind::job, "j1", "failed"), at_.now),
            Heard::ask_hello);
  EXPECT_EQ(at_.pass(1), "");
  ASSERT_EQ(liveness(), Liveness::dead);
  agent_.jobs = {};
  const Result<NodeChange> back = at_.ledger.hello(agent_.hello(), at_.now);
  EXPECT_EQ(back.value(), (NodeChange{NodeChange::What::back, "n1", false, {"j1"}, {}}));
  EXPECT_EQ(liveness(), Liveness::alive);
  EXPECT_EQ(at_.where("web"), "container n1 running");
  EXPECT_EQ(at_.where("j1"), "");
  EXPECT_EQ(at_.pass(2), "");
  EXPECT_EQ(at_.pass(3), "n1 suspect; n1 dead");
}

TEST_F(LedgerLiveness, AnotherEpochWantsAHelloAndTellsWhatWasLost) {
  SomeAgent anew("n1");
  anew.epoch = "e2";
  EXPECT_EQ(at_.ledger.heartbeat(anew.heartbeat(), at_.now), Heard::ask_hello);
  EXPECT_EQ(at_.where("web"), "container n1 running");
  EXPECT_EQ(at_.ledger.hello(anew.hello(), at_.now).value(),
            (NodeChange{NodeChange::What::renewed, "n1", true, {"web", "j1"}, {}}));
  EXPECT_EQ(at_.where("web"), "");
  EXPECT_EQ(at_.ledger.heartbeat(agent_.heartbeat(), at_.now), Heard::ask_hello);  // the old one
  EXPECT_EQ(at_.ledger.heartbeat(anew.heartbeat(), at_.now), Heard::kept);
}

TEST_F(LedgerLiveness, ATickThatComesLateByItselfTellsOnlyWhatIs) {
  SomeAgent other("n2");
  ASSERT_TRUE(at_.ledger.hello(other.hello(), at_.now));
  at_.pass(2);
  at_.ledger.heartbeat(other.heartbeat(), at_.now);
  std::string told;
  for (const int seconds : {2, 2}) {  // as long as nobody was away
    at_.now += std::chrono::seconds(seconds);
    TickingLedger::tell(at_.ledger.tick(at_.now), told);
  }
  EXPECT_EQ(told, "n1 suspect; n1 dead; n2 suspect");
}

TEST_F(LedgerLiveness, NobodysSilenceCountsWhileTheDispatcherWasAway) {
  EXPECT_EQ(at_.pass(2), "");
  at_.now += std::chrono::minutes(10);  // it was stopped
  EXPECT_TRUE(at_.ledger.tick(at_.now).empty());
  EXPECT_EQ(at_.pass(1), "n1 suspect");  // two seconds before, and one now
  EXPECT_EQ(at_.pass(2), "n1 dead");
}

TEST_F(LedgerLiveness, AnotherKeyDoesNotSpeakForANode) {
  SomeAgent thief("n1");
  thief.key = "other";
  EXPECT_EQ(at_.ledger.heartbeat(thief.heartbeat(), at_.now), Heard::ignored);
  EXPECT_EQ(at_.ledger.changed(thief.change(ThingKind::job, "j1", "failed"), at_.now),
            Heard::ignored);
  const Result<NodeChange> refused = at_.ledger.hello(thief.hello(), at_.now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_EQ(at_.where("j1"), "job n1 running");
  at_.pass(5);
  EXPECT_FALSE(at_.ledger.hello(thief.hello(), at_.now));  // also when it is dead
  ASSERT_TRUE(at_.ledger.forget("n1"));
  EXPECT_EQ(at_.ledger.hello(thief.hello(), at_.now).value().what, NodeChange::What::came);
}

TEST_F(LedgerLiveness, OnlyADeadNodeIsForgotten) {
  EXPECT_EQ(at_.ledger.forget("n9").error().code, Code::not_found);
  EXPECT_EQ(at_.ledger.forget("n1").error().message,
            "forget node n1: it is alive; only a dead one is forgotten");
  at_.pass(3);
  EXPECT_EQ(at_.ledger.forget("n1").error().code, Code::conflict);
  at_.ledger.sent("n1", "j2", Capacity{1000, 0, 0});
  at_.pass(2);
  ASSERT_TRUE(at_.ledger.forget("n1"));
  EXPECT_EQ(at_.where("web") + at_.where("j1") + at_.where("j2"), "");
  EXPECT_EQ(at_.ledger.facts("n1"), nullptr);
  EXPECT_TRUE(at_.ledger.candidates().empty());
  EXPECT_EQ(at_.ledger.heartbeat(agent_.heartbeat(), at_.now), Heard::ask_hello);
}

TEST_F(LedgerLiveness, WhatWasPlacedElsewhereMeanwhileIsTold) {
  at_.pass(5);
  at_.ledger.placed_elsewhere("n1", "web");
  at_.ledger.placed_elsewhere("n1", "cache");
  agent_.facts.containers.push_back({"db", {}, "running"});
  EXPECT_EQ(at_.ledger.hello(agent_.hello(), at_.now).value(),
            (NodeChange{NodeChange::What::back, "n1", false, {}, {"web"}}));
  // Told once.
  EXPECT_EQ(at_.ledger.hello(agent_.hello(), at_.now).value(),
            (NodeChange{NodeChange::What::renewed, "n1", false, {}, {}}));
}

}  // namespace
}  // namespace drover::dispatch
