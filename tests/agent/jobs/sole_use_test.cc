#include "agent/jobs/sole_use.h"

#include <gtest/gtest.h>

namespace drover::jobs {
namespace {

TEST(SoleUse, WhoCameFirstHasItAndTheOthersStandInLine) {
  SoleUse things;
  EXPECT_TRUE(things.take("press", "a"));
  EXPECT_TRUE(things.take("press", "a"));
  EXPECT_FALSE(things.take("press", "b"));
  EXPECT_FALSE(things.take("press", "c"));
  EXPECT_FALSE(things.take("press", "b"));  // keeps its place
  EXPECT_TRUE(things.take("saw", "d"));
  EXPECT_EQ(things.before("press", "a"), std::nullopt);
  EXPECT_EQ(things.before("press", "b"), 0U);
  EXPECT_EQ(things.before("press", "c"), 1U);
  EXPECT_EQ(things.before("saw", "c"), std::nullopt);
}

TEST(SoleUse, WhoLeavesGivesItToTheNext) {
  SoleUse things;
  things.take("press", "a");
  things.take("press", "b");
  things.take("press", "c");
  EXPECT_EQ(things.leave("a"), "b");
  EXPECT_TRUE(things.take("press", "b"));
  EXPECT_FALSE(things.take("press", "a"));
  EXPECT_EQ(things.before("press", "a"), 1U);
}

TEST(SoleUse, WhoLeavesTheLineGivesNobodyAnything) {
  SoleUse things;
  things.take("press", "a");
  things.take("press", "b");
  things.take("press", "c");
  EXPECT_EQ(things.leave("b"), std::nullopt);
  EXPECT_EQ(things.leave("stranger"), std::nullopt);
  EXPECT_EQ(things.leave("a"), "c");
  EXPECT_EQ(things.leave("c"), std::nullopt);
  EXPECT_EQ(things.before("press", "c"), std::nullopt);
  EXPECT_TRUE(things.take("press", "d"));
}

}  // namespace
}  // namespace drover::jobs
