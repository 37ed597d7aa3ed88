#include "agent/jobs/lanes.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace drover::jobs
