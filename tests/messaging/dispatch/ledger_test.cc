#include "messaging/dispatch/ledger.h"

#include <gtest/gtest.h>

#include <random>

#include "some_agents.h"

namespace drover::dispatch {
namespace {

TEST(Ledger, KnowsWhereEverythingIs) {
  TickingLedger at;
  SomeAgent one("n1");
  SomeAgent two("n2");
  one.facts.containers = {{"web", {{"app", "web"}}, "running"}, {"db", {}, "stopped"}};
  one.jobs = {{"j1", "queued"}};
  two.facts.containers = {{"web", {}, "paused"}};
  EXPECT_EQ(at.ledger.hello(two.hello(), at.now).value(),
            (NodeChange{NodeChange::What::came, "n2", false, {}, {}}));
  ASSERT_TRUE(at.ledger.hello(one.hello(), at.now));
  EXPECT_EQ(at.where("web"), "container n1 running; container n2 paused");
  EXPECT_EQ(at.where("db"), "container n1 stopped");
  EXPECT_EQ(at.where("j1"), "job n1 queued");
  EXPECT_EQ(at.where("moon"), "");
  ASSERT_EQ(at.ledger.candidates().size(), 2U);
  EXPECT_EQ(at.ledger.candidates().at(0)->name, "n1");
}

TEST(Ledger, ChangesAreKeptInTheirOrder) {
  TickingLedger at;
  SomeAgent agent("n1");
  ASSERT_TRUE(at.ledger.hello(agent.hello(), at.now));
  const auto tell = [&](ThingKind kind, std::string id, std::string state) {
    return at.ledger.changed(agent.change(kind, std::move(id), std::move(state)), at.now);
  };
  EXPECT_EQ(tell(ThingKind::job, "web", "running"), Heard::kept);  // a job may be called so too
  EXPECT_EQ(tell(ThingKind::container, "web", "created"), Heard::kept);
  EXPECT_EQ(tell(ThingKind::container, "web", "running"), Heard::kept);
  EXPECT_EQ(at.where("web"), "container n1 running; job n1 running");
  EXPECT_EQ(tell(ThingKind::container, "web", "gone"), Heard::kept);
  EXPECT_EQ(tell(ThingKind::container, "web", "gone"), Heard::kept);
  EXPECT_EQ(at.where("web"), "job n1 running");
  EXPECT_EQ(tell(ThingKind::job, "web", "succeeded"), Heard::kept);
  EXPECT_EQ(tell(ThingKind::job, "web", "running"), Heard::kept);
  EXPECT_EQ(at.where("web"), "job n1 succeeded");  // an end is for good
}

TEST(Ledger, AChangeThatIsMissingIsNoticedByTheNextOneAndByTheHeartbeat) {
  TickingLedger at;
  SomeAgent agent("n1");
  ASSERT_TRUE(at.ledger.hello(agent.hello(), at.now));
  const ThingChange lost = agent.change(ThingKind::container, "web", "running");
  EXPECT_EQ(at.ledger.heartbeat(agent.heartbeat(), at.now), Heard::ask_hello);
  EXPECT_EQ(at.ledger.changed(agent.change(ThingKind::job, "j1", "queued"), at.now),
            Heard::ask_hello);
  EXPECT_EQ(at.where("j1"), "");
  EXPECT_EQ(at.pass(3), "n1 suspect");  // it was heard all the same, but not since
  agent.facts.containers = {{"web", {}, "running"}};
  agent.jobs = {{"j1", "queued"}};
  EXPECT_EQ(at.ledger.hello(agent.hello(), at.now).value().what, NodeChange::What::renewed);
  EXPECT_EQ(at.ledger.heartbeat(agent.heartbeat(), at.now), Heard::kept);
  EXPECT_EQ(at.ledger.changed(lost, at.now), Heard::kept);  // the HELLO has overtaken it
  EXPECT_EQ(at.where("web") + ", " + at.where("j1"), "container n1 running, job n1 queued");
}

TEST(Ledger, NodesThatAreNotKnownAreAskedForTheirHello) {
  TickingLedger at;
  SomeAgent agent("n1");
  EXPECT_EQ(at.ledger.heartbeat(agent.heartbeat(), at.now), Heard::ask_hello);
  EXPECT_EQ(at.ledger.changed(agent.change(ThingKind::job, "j1", "queued"), at.now),
            Heard::ask_hello);
  EXPECT_TRUE(at.ledger.candidates().empty());
}

TEST(Ledger, WhatIsOnItsWayIsReservedUntilTheNodeCountsItItself) {
  TickingLedger at;
  SomeAgent agent("n1");
  agent.facts.reserved = Capacity{1000, 512, 0};
  ASSERT_TRUE(at.ledger.hello(agent.hello(), at.now));
  const auto reserved = [&at] { return at.ledger.facts("n1")->reserved; };
  at.ledger.sent("n1", "j1", Capacity{2000, 1024, 10});
  at.ledger.sent("n1", "j2", Capacity{500, 0, 0});
  at.ledger.sent("n9", "j3", Capacity{500, 0, 0});
  EXPECT_EQ(reserved(), (Capacity{3500, 1536, 10}));
  EXPECT_EQ(at.where("j1"), "job n1 sent");
  EXPECT_EQ(at.where("j3"), "");
  at.ledger.unsent("n1", "j2");  // refused
  EXPECT_EQ(at.where("j2"), "");
  EXPECT_EQ(reserved(), (Capacity{3000, 1536, 10}));
  // A heartbeat that was sent before the job arrived does not have it yet.
  EXPECT_EQ(at.ledger.heartbeat(agent.heartbeat(), at.now), Heard::kept);
  EXPECT_EQ(reserved(), (Capacity{3000, 1536, 10}));
  ASSERT_EQ(at.ledger.changed(agent.change(ThingKind::job, "j1", "queued"), at.now), Heard::kept);
  EXPECT_EQ(reserved(), (Capacity{3000, 1536, 10}));
  agent.facts.reserved = Capacity{3000, 1536, 10};
  ASSERT_EQ(at.ledger.heartbeat(agent.heartbeat(), at.now), Heard::kept);
  EXPECT_EQ(reserved(), (Capacity{3000, 1536, 10}));
}

TEST(Ledger, AHelloKeepsWhatIsOnItsWayBehindIt) {
  TickingLedger at;
  SomeAgent agent("n1");
  ASSERT_TRUE(at.ledger.hello(agent.hello(), at.now));
  at.ledger.sent("n1", "j1", Capacity{1000, 0, 0});
  at.ledger.sent("n1", "j2", Capacity{500, 0, 0});
  agent.jobs = {{"j1", "running"}};
  agent.facts.reserved = Capacity{1000, 0, 0};
  ASSERT_TRUE(at.ledger.hello(agent.hello(), at.now));
  EXPECT_EQ(at.ledger.facts("n1")->reserved, (Capacity{1500, 0, 0}));
  EXPECT_EQ(at.where("j1") + ", " + at.where("j2"), "job n1 running, job n1 sent");
}

TEST(Ledger, AHeartbeatTellsWhatChangesOften) {
  TickingLedger at;
  SomeAgent agent("n1");
  ASSERT_TRUE(at.ledger.hello(agent.hello(), at.now));
  agent.facts.drained = true;
  agent.facts.quorate = false;
  agent.facts.reserved = Capacity{4000, 0, 0};
  ASSERT_EQ(at.ledger.heartbeat(agent.heartbeat(), at.now), Heard::kept);
  EXPECT_EQ(*at.ledger.facts("n1"), agent.facts);
  // Nothing goes there then.
  EXPECT_EQ(choose({"job", {}, {}}, at.ledger.candidates()), nullptr);
}

TEST(Ledger, TheLastJobsThatEndedAreKnownAlsoAfterAHello) {
  TickingLedger at;
  SomeAgent agent("n1");
  ASSERT_TRUE(at.ledger.hello(agent.hello(), at.now));
  for (std::size_t i = 0; i < kEndedJobsKept + 5; ++i) {
    const std::string job = "j" + std::to_string(i);
    ASSERT_EQ(at.ledger.changed(agent.change(ThingKind::job, job, "succeeded"), at.now),
              Heard::kept);
  }
  EXPECT_EQ(at.where("j4"), "");
  EXPECT_EQ(at.where("j5"), "job n1 succeeded");
  ASSERT_TRUE(at.ledger.hello(agent.hello(), at.now).value().missing.empty());
  EXPECT_EQ(at.where("j5"), "job n1 succeeded");
  agent.epoch = "e2";  // a journal made anew knows none of them
  ASSERT_TRUE(at.ledger.hello(agent.hello(), at.now));
  EXPECT_EQ(at.where("j5"), "");
}

TEST(Ledger, HowItWasToldDoesNotMatter) {
  // One ledger hears every change, another one a HELLO at the end: both know the same.
  std::mt19937 random(5);
  const auto below = [&random](std::size_t bound) { return random() % bound; };
  TickingLedger changes;
  SomeAgent agent("n1");
  ASSERT_TRUE(changes.ledger.hello(agent.hello(), changes.now));
  std::map<std::string, std::string> containers;
  std::map<std::string, std::string> jobs;
  for (int step = 0; step < 2000; ++step) {
    static constexpr std::array<std::string_view, 4> kStates = {"created", "running", "stopped",
                                                                "gone"};
    if (below(2) == 0) {
      const std::string name = "c" + std::to_string(below(20));
      const std::string state(kStates.at(below(4)));
      containers[name] = state;
      ASSERT_EQ(
          changes.ledger.changed(agent.change(ThingKind::container, name, state), changes.now),
          Heard::kept);
    } else {
      const std::string job = "j" + std::to_string(step);
      jobs[job] = "queued";
      ASSERT_EQ(changes.ledger.changed(agent.change(ThingKind::job, job, "queued"), changes.now),
                Heard::kept);
    }
  }
  for (const auto& [name, state] : containers) {
    if (state != "gone") {
      agent.facts.containers.push_back({name, {}, state});
    }
  }
  for (const auto& [job, state] : jobs) {
    agent.jobs.push_back({job, state});
  }
  TickingLedger whole;
  ASSERT_TRUE(whole.ledger.hello(agent.hello(), whole.now));
  for (const auto& [name, state] : containers) {
    ASSERT_EQ(changes.where(name), whole.where(name));
  }
  for (const auto& [job, state] : jobs) {
    ASSERT_EQ(changes.where(job), whole.where(job));
  }
  EXPECT_EQ(changes.ledger.facts("n1")->containers.size(),
            whole.ledger.facts("n1")->containers.size());
}

}  // namespace
}  // namespace drover::dispatch
