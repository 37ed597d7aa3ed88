#include "agent/core/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace drover {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) {
    return fail(Code::invalid, "{} is odd", number);
  }
  return number / 2;
}

Result<int> quarter(int number) {
  const int first = TRY(half(number));
  return TRY(half(first));
}

Result<> check(int number) {
  TRY(half(number));
  return {};
}

Result<std::unique_ptr<int>> owned(bool give) {
  if (!give) {
    return fail(Code::not_found, "none");
  }
  return std::make_unique<int>(7);
}

Result<int> read_owned(bool give) {
  const std::unique_ptr<int> value = TRY(owned(give));
  return *value;
}

TEST(ResultTest, TryYieldsTheValueOrReturnsTheError) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
  EXPECT_TRUE(check(2));
  EXPECT_EQ(check(1).error().code, Code::invalid);
}

TEST(ResultTest, TryTakesWhatCanOnlyBeMoved) {
  EXPECT_EQ(read_owned(true).value(), 7);
  EXPECT_EQ(read_owned(false).error().code, Code::not_found);
}

TEST(ResultTest, ContextStandsInFront) {
  EXPECT_EQ(half(3).context("half").error().message, "half: 3 is odd");
  EXPECT_EQ(half(4).context("half").value(), 2);
}

TEST(ErrorTest, TextListsEveryFault) {
  const Error error{Code::invalid, "no", {{"/a", "bad", 3}, {"", "worse", 0}}};
  EXPECT_EQ(to_text(error), "no\n  /a (line 3): bad\n  (document): worse");
}

TEST(ErrorTest, EveryCodeHasItsName) {
  EXPECT_EQ(to_string(Code::cancelled), "cancelled");
  EXPECT_EQ(to_string(Code::timed_out), "timed_out");
  EXPECT_EQ(to_string(Code::unavailable), "unavailable");
  EXPECT_EQ(to_string(Code::not_found), "not_found");
  EXPECT_EQ(to_string(Code::conflict), "conflict");
  EXPECT_EQ(to_string(Code::refused), "refused");
  EXPECT_EQ(to_string(Code::invalid), "invalid");
  EXPECT_EQ(to_string(Code::broken), "broken");
}

}  // namespace
}  // namespace drover
