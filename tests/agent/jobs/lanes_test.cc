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

}  // namespace
}  // namespace drover::jobs
