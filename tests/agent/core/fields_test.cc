#include "agent/core/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace drover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class FieldsTest : public testing::Test {
 protected:
  /// What `read` makes of `text`; the faults are in `found_`.
  void read(const std::string& text, const std::function<void(Fields&)>& ask) {
    const json::Value value = json::parse(text).value();
    Faults faults(text);
    Fields fields(value, "", faults);
    ask(fields);
    fields.finish();
    found_ = faults.take();
  }
  void expect_fault(const std::string& pointer, const std::string& part) {
    ASSERT_EQ(found_.size(), 1U);
    EXPECT_EQ(found_[0].pointer, pointer);
    EXPECT_THAT(found_[0].message, HasSubstr(part));
  }

  std::vector<Fault> found_;
};

TEST_F(FieldsTest, ReadsEachType) {
  read(R"({"s":"x","b":true,"i":3,"n":1.5,"l":["a","b"],"m":{"k":"v"},"o":"two"})",
       [](Fields& fields) {
         EXPECT_EQ(fields.string("s"), "x");
         EXPECT_TRUE(fields.boolean("b", false));
         EXPECT_EQ(fields.integer("i", 0, 1, 5), 3);
         EXPECT_EQ(fields.number("n", 0, 0, 2), 1.5);
         EXPECT_THAT(fields.strings("l"), ElementsAre("a", "b"));
         EXPECT_THAT(fields.strings_by_key("m"), ElementsAre(Pair("k", "v")));
         EXPECT_EQ(fields.one_of("o", "one", {"one", "two"}), "two");
       });
  EXPECT_THAT(found_, IsEmpty());
}

TEST_F(FieldsTest, GivesWhatIsAbsentItsDefault) {
  read("{}", [](Fields& fields) {
    EXPECT_EQ(fields.string("s", "d"), "d");
    EXPECT_TRUE(fields.boolean("b", true));
    EXPECT_EQ(fields.integer("i", 9, 1, 5), 9);
    EXPECT_EQ(fields.number("n", 0.5, 1, 2), 0.5);
    EXPECT_THAT(fields.strings("l", {"d"}), ElementsAre("d"));
    EXPECT_THAT(fields.strings_by_key("m"), IsEmpty());
    EXPECT_EQ(fields.one_of("o", "one", {"one"}), "one");
    EXPECT_EQ(fields.any("a"), nullptr);
    bool seen = false;
    fields.object("x", [&](const json::Value& value, const std::string& at) {
      seen = value.object() != nullptr && at == "/x";
    });
    EXPECT_TRUE(seen);
  });
  EXPECT_THAT(found_, IsEmpty());
}

TEST_F(FieldsTest, AWrongTypeIsAFaultAndGivesTheDefault) {
  const std::vector<std::function<void(Fields&)>> asks = {
      [](Fields& fields) { EXPECT_EQ(fields.string("x", "d"), "d"); },
      [](Fields& fields) { EXPECT_TRUE(fields.boolean("x", true)); },
      [](Fields& fields) { EXPECT_EQ(fields.integer("x", 4, 0, 9), 4); },
      [](Fields& fields) { EXPECT_EQ(fields.number("x", 4, 0, 9), 4); },
      [](Fields& fields) { EXPECT_THAT(fields.strings("x"), IsEmpty()); },
      [](Fields& fields) { EXPECT_THAT(fields.strings_by_key("x"), IsEmpty()); },
      [](Fields& fields) { fields.each("x", 9, [](const auto&, const auto&) { FAIL(); }); },
  };
  for (const auto& ask : asks) {
    read(R"({"x":null})", ask);
    expect_fault("/x", "not null");
  }
}

TEST_F(FieldsTest, ANumberOutOfRangeIsAFault) {
  for (const char* text : {R"({"x":0})", R"({"x":6})", R"({"x":-9223372036854775808})"}) {
    read(text, [](Fields& fields) { EXPECT_EQ(fields.integer("x", 3, 1, 5), 3); });
    expect_fault("/x", "1 to 5");
  }
  read(R"({"x":18446744073709551615})",
       [](Fields& fields) { EXPECT_EQ(fields.integer("x", 3, 1, 5), 3); });
  EXPECT_EQ(found_.size(), 1U);
  read(R"({"x":1.0})", [](Fields& fields) { EXPECT_EQ(fields.integer("x", 3, 1, 5), 3); });
  expect_fault("/x", "a whole number");
  read(R"({"x":2.5})", [](Fields& fields) { EXPECT_EQ(fields.number("x", 1, 0, 2), 1); });
  expect_fault("/x", "0 to 2");
}

TEST_F(FieldsTest, AnElementAtFaultIsNamedByItsIndex) {
  read(R"({"l":["a",1,"b"]})",
       [](Fields& fields) { EXPECT_THAT(fields.strings("l"), ElementsAre("a", "b")); });
  expect_fault("/l/1", "a string");
  read(R"({"m":{"a":"1","b/c":2}})", [](Fields& fields) { fields.strings_by_key("m"); });
  expect_fault("/m/b~1c", "a string");
}

TEST_F(FieldsTest, AChoiceThatIsNoneNamesAll) {
  read(R"({"o":"three"})", [](Fields& fields) {
    EXPECT_EQ(fields.one_of("o", "one", {"one", "two"}), "one");
  });
  expect_fault("/o", "one of one, two, not \"three\"");
}

TEST_F(FieldsTest, EveryUnknownMemberIsAFaultWithAHint) {
  read(R"({"imgae":1,"zzz":2})", [](Fields& fields) { fields.string("image"); });
  ASSERT_EQ(found_.size(), 2U);
  EXPECT_EQ(found_[0].pointer, "/imgae");
  EXPECT_THAT(found_[0].message, HasSubstr("did you mean \"image\"?"));
  EXPECT_THAT(found_[1].message, HasSubstr("known are image"));
}

TEST_F(FieldsTest, AHugeUnknownNameCostsNoHint) {
  const std::string name(100'000, 'x');
  read("{\"" + name + "\":1}", [](Fields& fields) { fields.string(std::string(100, 'x')); });
  expect_fault("/" + name, "known are");
}

TEST_F(FieldsTest, ARequiredMemberThatIsMissingIsAFault) {
  read("{}", [](Fields& fields) {
    fields.require("name");
    fields.string("name");
  });
  expect_fault("/name", "is missing");
}

TEST_F(FieldsTest, WhatIsNoObjectIsOneFault) {
  for (const char* text : {"[]", "1", "null", "\"x\""}) {
    read(text, [](Fields& fields) {
      fields.require("name");
      EXPECT_EQ(fields.string("name", "d"), "d");
      EXPECT_FALSE(fields.has("name"));
    });
    expect_fault("", "must be an object");
  }
}

TEST_F(FieldsTest, AnArrayOfTooManyIsNotRead) {
  read(R"({"l":[1,2,3]})",
       [](Fields& fields) { fields.each("l", 2, [](const auto&, const auto&) { FAIL(); }); });
  expect_fault("/l", "at most 2");
}

TEST_F(FieldsTest, FaultsCarryTheLine) {
  read("{\n\"a\": 1,\n\"b\": 2\n}", [](Fields& fields) { fields.string("b"); });
  ASSERT_EQ(found_.size(), 2U);
  EXPECT_EQ(found_[0].line, 3U);
  EXPECT_EQ(found_[1].line, 2U);
}

TEST(FaultsTest, AreBoundInNumber) {
  Faults faults;
  for (int i = 0; i < 1000; ++i) {
    faults.add("/x", "bad");
  }
  const auto result = faults.result("no");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::invalid);
  EXPECT_EQ(result.error().message, "no");
  EXPECT_EQ(result.error().faults.size(), 100U);
}

TEST(FaultsTest, NoneAreSuccess) {
  EXPECT_TRUE(Faults().result("no"));
}

}  // namespace
}  // namespace drover
