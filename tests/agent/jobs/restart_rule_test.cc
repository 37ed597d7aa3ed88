#include "agent/jobs/keep/restart_rule.h"

#include <gtest/gtest.h>

#include "agent/jobs/journal/keeping.h"

namespace drover::jobs {
namespace {

using enum RestartPolicy::When;

struct Case {
  RestartPolicy policy;
  ProgramEnd end;
  bool restarted;
};

TEST(RestartRule, WhatAPolicySaysOfAnEnd) {
  const Exit done{0, false, 1};
  const Exit failed{1, false, 1};
  const Exit killed{137, true, 1};
  const Exit unknown{};
  const std::vector<Case> cases = {
      {{never}, {failed}, false},
      {{never}, {failed, true}, false},
      {{never}, {unknown, false, true}, false},
      {{on_failure}, {done}, false},
      {{on_failure}, {failed}, true},
      {{on_failure}, {killed}, true},
      {{on_failure}, {unknown}, true},
      {{on_failure}, {std::nullopt}, true},
      {{on_failure}, {done, true}, true},  // a probe had it stopped, and it obeyed
      {{on_failure}, {failed, false, true}, false},
      {{always}, {done}, true},
      {{always}, {failed}, true},
      {{always}, {unknown, false, true}, true},
      {{on_failure, 0, {3, 1}}, {failed}, false},
      {{on_failure, 0, {3}}, {failed}, true},
      {{always, 0, {0}}, {done}, false},
      {{always, 0, {1}}, {failed}, false},
      {{always, 0, {1}}, {failed, true}, true},
      {{always, 0, {0, 1}}, {unknown}, true},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(is_restarted(cases[i].policy, cases[i].end), cases[i].restarted) << "case " << i;
  }
}

TEST(RestartRule, AttemptsAreBoundedWhereAskedFor) {
  EXPECT_FALSE(is_spent({always}, 1'000'000));
  EXPECT_FALSE(is_spent({always, 3}, 2));
  EXPECT_TRUE(is_spent({always, 3}, 3));
}

TEST(RestartRule, TheDelayDoublesFromASecondToAMinuteWithJitter) {
  std::int64_t most = 1000;
  for (std::int64_t in_row = 0; in_row < 100; ++in_row) {
    EXPECT_EQ(restart_delay(in_row, 0).count(), most) << in_row;
    EXPECT_EQ(restart_delay(in_row, 0.5).count(), most * 7 / 8) << in_row;
    EXPECT_GE(restart_delay(in_row, 0.999999).count(), most * 3 / 4) << in_row;
    most = std::min<std::int64_t>(60'000, most * 2);
  }
}

TEST(Keeping, IsInTheJournalAsItWas) {
  ContainerRow row;
  EXPECT_EQ(keeping_of(row).value(), Keeping{});
  const Keeping keeping{7,    3,         100,  200,  250,  300,
                        "j1", "drained", true, true, true, Health::unhealthy};
  set_keeping(row, keeping);
  EXPECT_EQ(keeping_of(row).value(), keeping);
  set_keeping(row, Keeping{});
  EXPECT_EQ(row.restarts, "null");
  row.restarts = "{";
  EXPECT_EQ(keeping_of(row).error().code, Code::broken);
}

TEST(Keeping, ARowEndsAfterTenMinutesOfBeingWell) {
  constexpr std::int64_t kTenMinutes = 600'000;
  Keeping keeping{.restarts = 5, .in_row = 5};
  keeping.begin(1000, true, false);
  EXPECT_EQ(keeping.in_row, 5);
  Keeping sooner = keeping;
  sooner.end(1000 + kTenMinutes - 1);
  EXPECT_EQ(sooner.in_row, 5);
  keeping.end(1000 + kTenMinutes);
  EXPECT_EQ(keeping.in_row, 0);
  EXPECT_EQ(keeping.restarts, 5);
}

TEST(Keeping, OneThatIsProbedIsWellOnceItIsHealthy) {
  Keeping keeping{.in_row = 5};
  keeping.begin(1000, true, true);
  EXPECT_EQ(keeping.health, Health::starting);
  keeping.end(100'000'000);
  EXPECT_EQ(keeping.in_row, 5);
  EXPECT_EQ(keeping.health, Health::none);
}

TEST(Keeping, AStartBySomebodyBeginsAnew) {
  Keeping keeping{.restarts = 5, .in_row = 5, .held = "x", .gave_up = true, .with_node = true};
  keeping.begin(1000, false, false);
  EXPECT_EQ(keeping, (Keeping{.restarts = 5, .started_at = 1000, .well_since = 1000}));
}

}  // namespace
}  // namespace drover::jobs
