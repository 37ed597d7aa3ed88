#include "agent/core/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace drover::json {
namespace {

using testing::HasSubstr;

Value parsed(std::string_view text, const ParseOptions& options = {}) {
  auto value = parse(text, options);
  EXPECT_TRUE(value) << text << ": " << (value ? "" : to_text(value.error()));
  return value.value_or(Value());
}

Error refused(std::string_view text, const ParseOptions& options = {}) {
  const auto value = parse(text, options);
  EXPECT_FALSE(value) << text;
  Error error = value ? Error{} : value.error();
  EXPECT_EQ(error.code, Code::invalid);
  return error;
}

TEST(JsonTest, KeepsTypesAndOrder) {
  const Value value = parsed(R"({"b":true,"a":[null,1,-2,1.5,"x"],"c":{}})");
  EXPECT_EQ(write(value), R"({"b":true,"a":[null,1,-2,1.5,"x"],"c":{}})");
  EXPECT_EQ(value.type_name(), "object");
  EXPECT_EQ(value.at("a").type_name(), "array");
  EXPECT_EQ((*value.at("a").array())[3].type_name(), "number");
}

TEST(JsonTest, WholeNumbersAreExactToTheirEnds) {
  const std::string text = "[9223372036854775807,-9223372036854775808,18446744073709551615]";
  const Value value = parsed(text);
  const Array& array = *value.array();
  EXPECT_EQ(*array[0].integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(*array[1].integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(array[2].integer(), nullptr);
  EXPECT_EQ(*array[2].unsigned_integer(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(write(value), text);
  // Beyond that a number is a double, as in JavaScript.
  EXPECT_EQ(parsed("18446744073709551616").type_name(), "number");
  EXPECT_EQ(parsed("1e3").integer(), nullptr);
}

TEST(JsonTest, RefusesNumbersThatAreNone) {
  for (const char* text : {"01", "+1", "1.", ".5", "1e", "0x1", "NaN", "Infinity", "-", "1e999"}) {
    refused(text);
  }
}

TEST(JsonTest, ZeroWithManyDigitsAndAnExponentIsZero) {
  const std::string zeros(400, '0');
  const std::vector<std::string> texts = {"0." + zeros + "e-300", "0e-300", "0.0e300",
                                          "-0." + zeros, "0." + zeros + "E+5"};
  for (const std::string& text : texts) {
    const Value value = parsed(text);
    EXPECT_EQ(value.type_name(), "number") << text;
    EXPECT_EQ(value.number(), 0) << text;
  }
}

TEST(JsonTest, NumbersAreTheNearestDouble) {
  const std::string zeros(400, '0');
  EXPECT_EQ(parsed("0.1").number(), 0.1);
  EXPECT_EQ(parsed("2.2250738585072011e-308").number(), 2.2250738585072011e-308);
  EXPECT_EQ(parsed("9007199254740993.0").number(), 9007199254740992.0);
  EXPECT_EQ(parsed("1.7976931348623157E+308").number(), std::numeric_limits<double>::max());
  EXPECT_EQ(parsed("1e-400").number(), 0);
  EXPECT_EQ(parsed("-1e-99999999999999999999").number(), 0);
  EXPECT_EQ(parsed("0." + zeros + "1e50").number(), 0);
  EXPECT_EQ(parsed("0." + zeros + "1e401").number(), 1);
}

TEST(JsonTest, RefusesNumbersNoDoubleHolds) {
  const std::string zeros(400, '0');
  refused("10e308");
  refused("-10.5e308");
  refused("1" + zeros);
  refused("0." + zeros + "1e710");
}

TEST(JsonTest, RefusesWhatStandsBehindTheDocument) {
  for (const char* text : {"{} {}", "1 2", "[]]", "null,", "{}x"}) {
    refused(text);
  }
  EXPECT_TRUE(parse(" \t\r\n{} \n"));
  refused("");
  refused("   ");
}

TEST(JsonTest, RefusesANulAnywhere) {
  refused(std::string_view("{}\0", 3));
  refused(std::string_view("[\"a\0b\"]", 7));
  EXPECT_EQ(*parsed(R"("a\u0000b")").string(), std::string("a\0b", 3));
}

TEST(JsonTest, RefusesAKeyThatStandsTwice) {
  EXPECT_THAT(refused("{\"a\":1,\n\"a\":2}").faults.front().message, HasSubstr("\"a\""));
  EXPECT_EQ(refused("{\"a\":1,\n\"a\":2}").faults.front().line, 2U);
  EXPECT_TRUE(parse(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})"));
  // Also written in another way, and behind more members than are looked through one by one.
  refused(R"({"a":1,"\u0061":2})");
  std::string many = "{\"first\":0";
  for (int i = 0; i < 100; ++i) {
    many += ",\"k" + std::to_string(i) + "\":0";
  }
  EXPECT_EQ(parsed(many + "}").object()->size(), 101U);
  refused(many + ",\"first\":1}");
  refused(many + ",\"k99\":1}");
  refused(many + ",\"k15\":1}");
}

TEST(JsonTest, ManyKeysCostNoSquare) {
  std::string text = "{\"k\":0";
  for (int i = 0; i < 200'000; ++i) {
    text += ",\"k" + std::to_string(i) + "\":0";
  }
  EXPECT_EQ(parsed(text + "}").object()->size(), 200'001U);
}

TEST(JsonTest, RefusesDepthBeyondTheBound) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse(nested(64)));
  EXPECT_THAT(refused(nested(65)).faults.front().message, HasSubstr("64 levels"));
  refused(nested(10'000));
  refused(std::string(10'000, '['));
  refused(std::string(5'000'000, '['));
  std::string objects;
  for (int i = 0; i < 10'000; ++i) {
    objects += "{\"a\":";
  }
  refused(objects);
  EXPECT_TRUE(parse(nested(1000), {.max_depth = 1000}));
}

TEST(JsonTest, RefusesADocumentThatIsTooLarge) {
  EXPECT_TRUE(parse("[1,2]", {.max_bytes = 5}));
  EXPECT_THAT(refused("[1,2]", {.max_bytes = 4}).message, HasSubstr("5 bytes"));
}

TEST(JsonTest, TakesUtf8AndNothingElse) {
  EXPECT_EQ(*parsed("\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"").string(),
            "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(*parsed(R"("\ud83d\ude00")").string(), "\xf0\x9f\x98\x80");
  for (const char* bytes :
       {"\x80", "\xc3", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    refused("\"" + std::string(bytes) + "\"");
    refused("{\"" + std::string(bytes) + "\":1}");
  }
  refused(R"("\ud83d")");
  refused(R"("\ude00")");
  refused("\"line\nbreak\"");
}

TEST(JsonTest, WritesWhatItReads) {
  for (const char* text : {"null", "true", "[]", "{}", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\"",
                           "[[[1]]]", "-0.5", "{\"a b\":{\"\":[]}}"}) {
    const Value value = parsed(text);
    EXPECT_EQ(parsed(write(value)), value) << text;
    EXPECT_EQ(parsed(write_pretty(value)), value) << text;
  }
  EXPECT_EQ(write_pretty(parsed("{\"a\":[1]}")), "{\n  \"a\": [\n    1\n  ]\n}");
}

TEST(JsonTest, WhatItWritesIsAlwaysJson) {
  const Value value = Object{{"k\xff",
                              "a\xff"
                              "b"},
                             {"cut", "\xe2\x82"}};
  EXPECT_EQ(write(value),
            "{\"k\xef\xbf\xbd\":\"a\xef\xbf\xbd"
            "b\",\"cut\":\"\xef\xbf\xbd\xef\xbf\xbd\"}");
  EXPECT_TRUE(parse(write(value)));
  EXPECT_TRUE(parse(write_pretty(value)));
  const Value numbers = Array{std::numeric_limits<double>::infinity(),
                              std::numeric_limits<double>::quiet_NaN(), 1e300, 5e-324};
  EXPECT_TRUE(parse(write(numbers))) << write(numbers);
}

TEST(JsonTest, CommentsAndTrailingCommasOnlyWhereAskedFor) {
  const char* text = "// first\n{ /* in */ \"a\": [1, 2,], }";
  refused(text);
  EXPECT_EQ(write(parsed(text, {.comments = true})), "{\"a\":[1,2]}");
  refused("{} /* open", {.comments = true});
}

TEST(JsonTest, AnErrorNamesTheLine) {
  const Error error = refused("{\n\"a\": 1,\n\"b\": ?\n}");
  EXPECT_EQ(error.faults.front().line, 3U);
  EXPECT_THAT(error.message, HasSubstr("line 3"));
}

TEST(JsonTest, ValuesKnowWhereTheyStood) {
  const std::string text = "{\n  \"a\": 7,\n  \"b\": {\n    \"c\": \"x\"\n  }\n}";
  const Value value = parsed(text);
  EXPECT_EQ(line_of(text, value.at("a").offset()), 2U);
  EXPECT_EQ(line_of(text, value.at("b").offset()), 3U);
  EXPECT_EQ(line_of(text, value.at("b").at("c").offset()), 4U);
  EXPECT_EQ(Value(1).offset(), 0U);
}

TEST(JsonTest, MissingMembersChainSafely) {
  const Value value = parsed(R"({"a":{"b":1}})");
  EXPECT_EQ(value.at("a").at("b").integer_or(0), 1);
  EXPECT_TRUE(value.at("x").at("y").at("z").is_null());
  EXPECT_EQ(value.find("x"), nullptr);
  EXPECT_EQ(Value("text").find("x"), nullptr);
}

TEST(JsonTest, ReadsNumbersAndFlagsAsProxmoxWritesThem) {
  EXPECT_EQ(Value("100").integer_or(0), 100);
  EXPECT_EQ(Value("-7").integer_or(0), -7);
  for (const char* text : {"", "1x", " 1", "1.5", "0x10", "99999999999999999999"}) {
    EXPECT_EQ(Value(text).integer_or(-1), -1) << text;
  }
  EXPECT_EQ(Value(1.0).integer_or(-1), -1);
  for (const Value& yes : {Value(true), Value(1), Value("1")}) {
    EXPECT_TRUE(yes.boolean_or(false));
  }
  for (const Value& no : {Value(false), Value(0), Value("0"), Value()}) {
    EXPECT_FALSE(no.boolean_or(true));
  }
  EXPECT_TRUE(Value("yes").boolean_or(true));
  EXPECT_FALSE(Value(2).boolean_or(false));
}

TEST(JsonTest, EqualityIgnoresTheOrderOfMembers) {
  EXPECT_EQ(parsed(R"({"a":1,"b":2})"), parsed(R"({"b":2,"a":1})"));
  EXPECT_NE(parsed(R"({"a":1})"), parsed(R"({"a":1,"b":null})"));
  EXPECT_NE(parsed("[1,2]"), parsed("[2,1]"));
  EXPECT_EQ(Value(std::uint64_t{5}), Value(std::int64_t{5}));
}

TEST(JsonObjectTest, SetReplacesAndEraseRemoves) {
  Object object{{"a", 1}, {"b", 2}};
  object.set("a", "x");
  EXPECT_EQ(object.size(), 2U);
  EXPECT_EQ(object.find("a")->string_or(""), "x");
  EXPECT_TRUE(object.erase("a"));
  EXPECT_FALSE(object.erase("a"));
  EXPECT_EQ(object.find("a"), nullptr);
  EXPECT_EQ((Object{{"a", 1}, {"a", 2}}.size()), 1U);
}

TEST(JsonPointerTest, EscapesTokens) {
  EXPECT_EQ(pointer_join("", "a"), "/a");
  EXPECT_EQ(pointer_join("/a", "b/c~d"), "/a/b~1c~0d");
  EXPECT_EQ(pointer_join("/a", std::size_t{3}), "/a/3");
}

TEST(JsonLineTest, CountsFromOneAndStopsAtTheEnd) {
  EXPECT_EQ(line_of("a\nb", 0), 1U);
  EXPECT_EQ(line_of("a\nb", 2), 2U);
  EXPECT_EQ(line_of("a\nb", 999), 2U);
}

}  // namespace
}  // namespace drover::json
