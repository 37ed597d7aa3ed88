#include "agent/jobs/lanes.h"

#include <gtest/gtest.h>

#include <chrono>

namespace drover::jobs {
namespace {

TEST(Lanes, RunsDifferentTargetsBesideEachOther) {
  Lanes lanes(8);
  lanes.add("j1", "web-1");
  lanes.add("j2", "web-2");
  EXPECT_EQ(lanes.next(), "j1");
  EXPECT_EQ(lanes.next(), "j2");
  EXPECT_EQ(lanes.next(), std::nullopt);
  EXPECT_EQ(lanes.running(), 2U);
}

TEST(Lanes, RunsOneTargetsJobsInOrder) {
  Lanes lanes(8);
  lanes.add("j1", "web-1");
  lanes.add("j2", "web-1");
  lanes.add("j3", "web-1");
  EXPECT_EQ(lanes.next(), "j1");
  EXPECT_EQ(lanes.next(), std::nullopt);
  lanes.finished("j1");
  EXPECT_EQ(lanes.next(), "j2");
  EXPECT_EQ(lanes.next(), std::nullopt);
  lanes.finished("j2");
  EXPECT_EQ(lanes.next(), "j3");
  EXPECT_EQ(lanes.waiting(), 0U);
}

TEST(Lanes, NeverRunsMoreThanAsked) {
  Lanes lanes(2);
  for (const char* job : {"a", "b", "c"}) {
    lanes.add(job, job);
  }
  EXPECT_TRUE(lanes.next());
  EXPECT_TRUE(lanes.next());
  EXPECT_FALSE(lanes.next());
  lanes.finished("a");
  EXPECT_EQ(lanes.next(), "c");
}

TEST(Lanes, TheHeadOfAFreeLaneCanBeParkedAndNoOtherThatWaits) {
  Lanes lanes(8);
  lanes.add("a1", "a");
  lanes.add("a2", "a");
  EXPECT_FALSE(lanes.park("a2"));
  EXPECT_FALSE(lanes.park("unknown"));
  EXPECT_TRUE(lanes.park("a1"));
  EXPECT_EQ(lanes.next(), std::nullopt);
  EXPECT_EQ(lanes.place("a1")->what, Lanes::Place::For::attempt);
  EXPECT_EQ(lanes.waiting(), 2U);
  lanes.unpark("a1");
  EXPECT_EQ(lanes.next(), "a1");
  EXPECT_EQ(lanes.next(), std::nullopt);
  lanes.finished("a1");
  EXPECT_EQ(lanes.next(), "a2");
}

TEST(Lanes, ARestingJobKeepsItsLaneAndNoPlace) {
  Lanes lanes(1, 0, 1);
  lanes.add("a1", "a");
  lanes.add("a2", "a");
  lanes.add("b1", "b");
  EXPECT_EQ(lanes.next(), "a1");
  lanes.rest("a1");
  EXPECT_EQ(lanes.next(), "b1");
  EXPECT_EQ(lanes.next(), std::nullopt);
  lanes.wake("a1");
  EXPECT_EQ(lanes.next_woken(), std::nullopt) << "b1 has the only place";
  EXPECT_EQ(lanes.place("a1")->what, Lanes::Place::For::worker);
  lanes.finished("b1");
  EXPECT_EQ(lanes.next_woken(), "a1");
  EXPECT_EQ(lanes.place("a1"), std::nullopt);
  lanes.finished("a1");
  EXPECT_EQ(lanes.next(), "a2");
}

TEST(Lanes, WhoIsNotLetRestGoesOnAtOnce) {
  Lanes lanes(2, 0, 1);
  for (const char* job : {"a", "b", "c", "d"}) {
    lanes.add(job, job);
  }
  EXPECT_EQ(lanes.next(), "a");
  lanes.rest("a");
  EXPECT_EQ(lanes.next(), "b");
  EXPECT_EQ(lanes.next(), "c");
  lanes.rest("b");
  EXPECT_EQ(lanes.next(), std::nullopt) << "one rests already";
  lanes.wake("a");
  lanes.wake("b");
  EXPECT_EQ(lanes.next_woken(), "b");
  EXPECT_EQ(lanes.next_woken(), std::nullopt);
  lanes.finished("b");
  EXPECT_EQ(lanes.next_woken(), "a");
}

TEST(Lanes, WhoWaitsWithoutRestRestsInsteadOfOneThatWasWoken) {
  // c rests, waiting for what a has; then a and b wait for it, too, and have all places.
  Lanes lanes(2, 0, 1);
  for (const char* job : {"a", "c", "b"}) {
    lanes.add(job, job);
  }
  EXPECT_EQ(lanes.next(), "a");
  EXPECT_EQ(lanes.next(), "c");
  lanes.rest("c");
  EXPECT_EQ(lanes.next(), "b");
  lanes.wake("c");  // a has given the turn back
  lanes.rest("a");
  EXPECT_EQ(lanes.next_woken(), "c") << "a rests in its stead";
  lanes.rest("b");
  lanes.finished("c");
  lanes.wake("a");
  EXPECT_EQ(lanes.next_woken(), "a");
  lanes.wake("b");
  EXPECT_EQ(lanes.next_woken(), "b");
}

TEST(Lanes, ARestingJobThatEndsLeavesNothing) {
  Lanes lanes(1, 0, 1);
  lanes.add("a", "a");
  EXPECT_EQ(lanes.next(), "a");
  lanes.rest("a");
  lanes.wake("a");
  lanes.rest("a");  // it was asked to stop before it had its place, and waits to take things back
  lanes.wake("a");
  lanes.finished("a");
  EXPECT_EQ(lanes.next_woken(), std::nullopt);
  lanes.add("b", "b");
  lanes.add("c", "c");
  EXPECT_EQ(lanes.next(), "b");
  EXPECT_EQ(lanes.next(), std::nullopt);
}

TEST(Lanes, APassingJobWaitsForThoseBeforeItAndNobodyForIt) {
  Lanes lanes(1, 1);
  lanes.add("run", "web-1");
  lanes.add("exec", "web-1", 0, Lanes::Kind::passing);
  lanes.add("stop", "web-1");
  EXPECT_EQ(lanes.next(), "run");
  EXPECT_EQ(lanes.next(), std::nullopt);
  lanes.finished("run");
  EXPECT_EQ(lanes.next(), "exec");
  EXPECT_EQ(lanes.next(), "stop") << "also the worker is free for it";
  EXPECT_EQ(lanes.running(), 2U);
  lanes.add("start", "web-1");
  lanes.finished("exec");
  EXPECT_EQ(lanes.next(), std::nullopt) << "the lane is the stop's";
  lanes.finished("stop");
  EXPECT_EQ(lanes.next(), "start");
}

TEST(Lanes, PassingJobsHaveABoundOfTheirOwn) {
  Lanes lanes(1, 2);
  for (const char* job : {"a", "b", "c"}) {
    lanes.add(job, "web-1", 0, Lanes::Kind::passing);
  }
  lanes.add("stop", "web-2");
  EXPECT_EQ(lanes.next(), "a");
  EXPECT_EQ(lanes.next(), "b");
  EXPECT_EQ(lanes.next(), "stop");
  EXPECT_EQ(lanes.next(), std::nullopt);
  EXPECT_EQ(lanes.place("c")->what, Lanes::Place::For::worker);
  EXPECT_TRUE(lanes.remove("c"));
  lanes.add("d", "web-1", 0, Lanes::Kind::passing);
  lanes.finished("a");
  EXPECT_EQ(lanes.next(), "d");
}

TEST(Lanes, GivesTheOldestJobFirstWhateverItsLane) {
  Lanes lanes(1);
  lanes.add("j1", "x");
  lanes.add("j2", "x");
  lanes.add("j3", "y");
  EXPECT_EQ(lanes.next(), "j1");
  lanes.finished("j1");
  EXPECT_EQ(lanes.next(), "j2");
  lanes.finished("j2");
  EXPECT_EQ(lanes.next(), "j3");
}

TEST(Lanes, TakesOutAJobThatWaitsAndNoOther) {
  Lanes lanes(8);
  lanes.add("j1", "x");
  lanes.add("j2", "x");
  lanes.add("j3", "x");
  EXPECT_EQ(lanes.next(), "j1");
  EXPECT_FALSE(lanes.remove("j1"));
  EXPECT_FALSE(lanes.remove("unknown"));
  EXPECT_TRUE(lanes.remove("j2"));
  EXPECT_FALSE(lanes.remove("j2"));
  lanes.finished("j1");
  EXPECT_EQ(lanes.next(), "j3");
  lanes.finished("j3");
  EXPECT_EQ(lanes.next(), std::nullopt);
}

TEST(Lanes, TakesOutTheOnlyJobOfALane) {
  Lanes lanes(8);
  lanes.add("j1", "x");
  EXPECT_TRUE(lanes.remove("j1"));
  EXPECT_EQ(lanes.next(), std::nullopt);
  lanes.add("j2", "x");
  EXPECT_EQ(lanes.next(), "j2");
}

TEST(Lanes, GivesTheLowestRankFirstAndKeepsTheOrderOfALane) {
  Lanes lanes(1);
  lanes.add("a1", "a", 50);
  lanes.add("b1", "b", 10);
  lanes.add("a2", "a", 0);
  EXPECT_EQ(lanes.next(), "b1");
  lanes.finished("b1");
  EXPECT_EQ(lanes.next(), "a1");
  lanes.finished("a1");
  EXPECT_EQ(lanes.next(), "a2");
}

TEST(Lanes, AParkedJobKeepsItsLaneAndLeavesItsPlaceToOthers) {
  Lanes lanes(1);
  lanes.add("a1", "a");
  lanes.add("a2", "a");
  lanes.add("b1", "b");
  ASSERT_EQ(lanes.next(), "a1");
  lanes.park("a1");
  EXPECT_EQ(lanes.next(), "b1");
  lanes.finished("b1");
  EXPECT_EQ(lanes.next(), std::nullopt);
  EXPECT_FALSE(lanes.remove("a1"));
  lanes.unpark("a1");
  EXPECT_EQ(lanes.next(), "a1");
  lanes.finished("a1");
  EXPECT_EQ(lanes.next(), "a2");
}

TEST(Lanes, TellsWhatAJobWaitsFor) {
  using For = Lanes::Place::For;
  Lanes lanes(1);
  for (const auto& [job, lane] : {std::pair("a1", "a"), {"a2", "a"}, {"b1", "b"}, {"c1", "c"}}) {
    lanes.add(job, lane);
  }
  ASSERT_EQ(lanes.next(), "a1");
  EXPECT_FALSE(lanes.place("a1"));
  EXPECT_EQ(lanes.place("a2")->what, For::lane);
  EXPECT_EQ(lanes.place("a2")->before, 1U);
  EXPECT_EQ(lanes.place("b1")->what, For::worker);
  EXPECT_EQ(lanes.place("b1")->before, 0U);
  EXPECT_EQ(lanes.place("c1")->before, 1U);
  lanes.park("a1");
  EXPECT_EQ(lanes.place("a1")->what, For::attempt);
  EXPECT_EQ(lanes.place("a2")->before, 1U);
}

TEST(Lanes, AJobThatWasParkedIsTheHeadOfItsLaneAgain) {
  Lanes lanes(8);
  lanes.add("j1", "x");
  lanes.add("j2", "x");
  EXPECT_EQ(lanes.next(), "j1");
  EXPECT_TRUE(lanes.waits("j2"));
  lanes.park("j1");
  EXPECT_FALSE(lanes.waits("j1"));
  EXPECT_EQ(lanes.place("j2")->before, 1U);
  lanes.unpark("j1");
  EXPECT_EQ(lanes.next(), "j1");
}

// Asked for each job that is accepted, a place that is counted out would make n jobs cost n * n.
/// What it takes to put so many in and half of them out, and to ask for the place of each.
std::chrono::nanoseconds time_of(std::size_t jobs) {
  const auto begun = std::chrono::steady_clock::now();
  Lanes one(1);
  Lanes many(1);
  for (std::size_t i = 0; i < jobs; ++i) {
    const std::string job = std::to_string(i);
    one.add(job, "x");
    many.add(job, job);
    EXPECT_EQ(one.place(job)->before, i);
    EXPECT_EQ(many.place(job)->before, i);
  }
  for (std::size_t i = 0; i < jobs; i += 2) {
    EXPECT_TRUE(one.remove(std::to_string(i)));
    EXPECT_TRUE(many.remove(std::to_string(i)));
  }
  for (std::size_t i = 1; i < jobs; i += 2) {
    EXPECT_EQ(one.place(std::to_string(i))->before, i / 2);
    EXPECT_EQ(many.place(std::to_string(i))->before, i / 2);
  }
  return std::chrono::steady_clock::now() - begun;
}

TEST(Lanes, APlaceAmongManyIsNotCountedOut) {
  // Sixteen times as many take some twenty times as long; counted out it would be 256 times.
  EXPECT_LT(time_of(32'000) / time_of(2'000), 100);
}

TEST(Lanes, AnOccupiedLaneLetsNoJobBeginUntilItIsVacated) {
  Lanes lanes(8);
  ASSERT_TRUE(lanes.occupy("web-1"));
  EXPECT_FALSE(lanes.occupy("web-1"));
  lanes.add("j1", "web-1");
  lanes.add("j2", "web-2");
  EXPECT_EQ(lanes.next(), "j2");
  EXPECT_EQ(lanes.next(), std::nullopt);
  EXPECT_EQ(lanes.place("j1")->what, Lanes::Place::For::lane);
  EXPECT_EQ(lanes.running(), 1U);
  lanes.vacate("web-1");
  EXPECT_EQ(lanes.next(), "j1");
}

TEST(Lanes, ALaneWithAJobIsNotOccupied) {
  Lanes lanes(8);
  lanes.add("j1", "web-1");
  EXPECT_FALSE(lanes.occupy("web-1")) << "it waits";
  EXPECT_EQ(lanes.next(), "j1");
  EXPECT_FALSE(lanes.occupy("web-1")) << "it runs";
  lanes.park("j1");
  EXPECT_FALSE(lanes.occupy("web-1")) << "it is parked";
  lanes.unpark("j1");
  EXPECT_EQ(lanes.next(), "j1");
  lanes.finished("j1");
  EXPECT_TRUE(lanes.occupy("web-1"));
}

}  // namespace
}  // namespace drover::jobs
