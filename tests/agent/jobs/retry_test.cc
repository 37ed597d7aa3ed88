#include "agent/jobs/retry.h"

#include <gtest/gtest.h>

namespace drover::jobs {
namespace {

using std::chrono::milliseconds;

TEST(RetryTest, TheLongestDelayDoublesUpToHalfAMinute) {
  constexpr double kAlmostOne = 0.999999;
  EXPECT_EQ(retry_delay(1, kAlmostOne), milliseconds(999));
  EXPECT_EQ(retry_delay(2, kAlmostOne), milliseconds(1999));
  EXPECT_EQ(retry_delay(5, kAlmostOne), milliseconds(15999));
  EXPECT_EQ(retry_delay(6, kAlmostOne), milliseconds(29999));
  EXPECT_EQ(retry_delay(20, kAlmostOne), milliseconds(29999));
}

TEST(RetryTest, JitterTakesAnyPartOfItFromASixteenthOn) {
  EXPECT_EQ(retry_delay(1, 0), milliseconds(62));
  EXPECT_EQ(retry_delay(3, 0), milliseconds(250));
  EXPECT_EQ(retry_delay(3, 0.5), milliseconds(2125));
}

TEST(RetryTest, OnlyUnavailableAndOnlyAsOftenAsTheJobAllows) {
  JobRequest request{*JobId::parse("j1"), Verb::container_run, "web-1", std::nullopt, {}};
  request.attempts = 3;
  const Error busy{Code::unavailable, "busy", {}};
  EXPECT_TRUE(is_retried(request, 1, busy));
  EXPECT_TRUE(is_retried(request, 2, busy));
  EXPECT_FALSE(is_retried(request, 3, busy));
  for (const Code code : {Code::cancelled, Code::timed_out, Code::not_found, Code::conflict,
                          Code::refused, Code::invalid, Code::broken}) {
    EXPECT_FALSE(is_retried(request, 1, Error{code, "no", {}})) << to_string(code);
  }
  request.verb = Verb::container_kill;
  EXPECT_FALSE(is_retried(request, 1, busy));
}

}  // namespace
}  // namespace drover::jobs
