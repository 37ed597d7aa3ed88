#include "messaging/dispatch/label_expression.h"

#include <gtest/gtest.h>

namespace drover::dispatch {
namespace {

bool fits(std::string_view text, const Labels& labels, std::string_view name = "pve1") {
  const Result<LabelExpression> expression = LabelExpression::parse(text);
  EXPECT_TRUE(expression) << text << ": " << (expression ? "" : expression.error().message);
  return expression && expression->fits(name, labels);
}

std::string fault(std::string_view text) {
  const Result<LabelExpression> expression = LabelExpression::parse(text);
  EXPECT_FALSE(expression) << text;
  if (expression) {
    return "";
  }
  EXPECT_EQ(expression.error().code, Code::invalid);
  return expression.error().message;
}

TEST(LabelExpression, NotBindsBeforeAndAndThatBeforeOr) {
  // a or (b and (not c)), over all eight cases.
  for (int bits = 0; bits < 8; ++bits) {
    const bool a = (bits & 1) != 0;
    const bool b = (bits & 2) != 0;
    const bool c = (bits & 4) != 0;
    const Labels labels{{"a", a ? "1" : "0"}, {"b", b ? "1" : "0"}, {"c", c ? "1" : "0"}};
    EXPECT_EQ(fits("a=1 or b=1 and not c=1", labels), a || (b && !c)) << bits;
    EXPECT_EQ(fits("(a=1 or b=1) and not c=1", labels), (a || b) && !c) << bits;
    EXPECT_EQ(fits("not (a=1 or b=1) or c=1", labels), !(a || b) || c) << bits;
    EXPECT_EQ(fits("not a=1 and not not b=1", labels), !a && b) << bits;
  }
}

TEST(LabelExpression, EveryComparisonAlsoOfALabelThatIsNotThere) {
  const Labels web{{"role", "web"}, {"zone", "a"}, {"empty", ""}};
  EXPECT_TRUE(fits("role=web", web));
  EXPECT_FALSE(fits("role=we", web));
  EXPECT_TRUE(fits("role!=db", web));
  EXPECT_FALSE(fits("role!=web", web));
  EXPECT_TRUE(fits("role~w?b", web));
  EXPECT_FALSE(fits("role !~ w*", web));
  EXPECT_TRUE(fits("zone in (b, a)", web));
  EXPECT_FALSE(fits("zone in (b)", web));
  EXPECT_TRUE(fits("zone not in (b,c)", web));
  EXPECT_FALSE(fits("zone not in (a)", web));
  EXPECT_TRUE(fits("has empty", web));
  EXPECT_TRUE(fits("empty=\"\"", web));

  EXPECT_FALSE(fits("rack=1", web));
  EXPECT_FALSE(fits("rack=\"\"", web));
  EXPECT_TRUE(fits("rack!=1", web));
  EXPECT_FALSE(fits("rack~*", web));
  EXPECT_TRUE(fits("rack!~*", web));
  EXPECT_FALSE(fits("rack in (1)", web));
  EXPECT_TRUE(fits("rack not in (1)", web));
  EXPECT_FALSE(fits("has rack", web));
  EXPECT_TRUE(fits("not has rack", web));
}

TEST(LabelExpression, TheNameIsComparedAsALabelIs) {
  EXPECT_TRUE(fits("name~pve* and name!=pve2 and has name", {}));
  EXPECT_FALSE(fits("name in (pve2, pve3)", {}));
  EXPECT_TRUE(fits("name=pve1", {{"name", "another"}}));
}

TEST(LabelExpression, QuotesHoldWhatAWordCannot) {
  EXPECT_TRUE(fits(R"("the role"="a \"b\" \\ c")", {{"the role", R"(a "b" \ c)"}}));
  EXPECT_TRUE(fits(R"(is="and" and "not"=1)", {{"is", "and"}, {"not", "1"}}));
  EXPECT_TRUE(fits(R"(is="w*b")", {{"is", "w*b"}}));
  EXPECT_FALSE(fits(R"(is="w*b")", {{"is", "web"}}));
  EXPECT_TRUE(fits(R"(is~"w*b c")", {{"is", "web c"}}));
  EXPECT_TRUE(fits("is=\"\xc3\xbc\"", {{"is", "\xc3\xbc"}}));
}

TEST(LabelExpression, AFaultHasItsPositionAndWhatMayStandThere) {
  EXPECT_EQ(fault(""),
            "label expression: position 1: here must stand \"not\", \"has\", \"(\" or the name of "
            "a label, not the end");
  EXPECT_EQ(fault("role=web an zone=b"),
            "label expression: position 10: here must stand \"and\", \"or\" or the end, not "
            "\"an\"");
  EXPECT_EQ(fault("role web"),
            "label expression: position 6: here must stand =, !=, ~, !~, \"in\" or \"not in\" "
            "behind a label's name, not \"web\"");
  EXPECT_EQ(fault("(role=web"),
            "label expression: position 10: here must stand \"and\", \"or\" or \")\", not the end");
  EXPECT_EQ(fault("zone in a"),
            "label expression: position 9: here must stand \"(\" and values with commas between, "
            "not \"a\"");
  EXPECT_EQ(fault("zone in (a b)"),
            "label expression: position 12: here must stand \",\" or \")\", not \"b\"");
  EXPECT_EQ(fault("role=and"),
            "label expression: position 6: here must stand a value, not \"and\"");
  EXPECT_EQ(fault("zone in ()"),
            "label expression: position 10: here must stand a value, not \")\"");
  EXPECT_EQ(fault("zone not (a)"),
            "label expression: position 10: here must stand \"in\", not \"(\"");
  EXPECT_EQ(fault("role=web)"),
            "label expression: position 9: here must stand \"and\", \"or\" or the end, not \")\"");
  EXPECT_NE(fault("role=w*").find("position 6: a pattern is compared with ~"), std::string::npos);
  EXPECT_NE(fault("role=a;b=c").find("position 7: this character"), std::string::npos);
  EXPECT_NE(fault("role=\ta").find("position 6: this character"), std::string::npos);
  EXPECT_NE(fault("a=\"b").find("position 3: this quote has no end"), std::string::npos);
  EXPECT_NE(fault("a=\"b\\n\"").find("position 6: behind a backslash"), std::string::npos);
  EXPECT_NE(fault("a=\"b\n\"").find("position 5: a control character"), std::string::npos);
  EXPECT_NE(fault("\"\"=b").find("position 1: a label's name is not empty"), std::string::npos);
}

TEST(LabelExpression, EveryLengthAndDepthHasABound) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '(') + "a=b" + std::string(depth, ')');
  };
  EXPECT_TRUE(LabelExpression::parse(nested(kMostExpressionDepth)));
  EXPECT_NE(fault(nested(kMostExpressionDepth + 1)).find("position 17: \"not\" and"),
            std::string::npos);
  std::string nots;
  for (std::size_t i = 0; i <= kMostExpressionDepth; ++i) {
    nots += "not ";
  }
  EXPECT_NE(fault(nots + "a=b").find("deep at most"), std::string::npos);

  std::string comparisons = "a=1";
  for (std::size_t i = 1; i < kMostComparisons; ++i) {
    comparisons += " or a=1";
  }
  EXPECT_TRUE(LabelExpression::parse(comparisons));
  EXPECT_NE(fault(comparisons + " or a=1").find("64 comparisons are the most"), std::string::npos);

  EXPECT_TRUE(LabelExpression::parse("a=" + std::string(255, 'b')));
  EXPECT_NE(fault("a=" + std::string(256, 'b')).find("position 3: a word of 256"),
            std::string::npos);
  EXPECT_NE(fault("a=\"" + std::string(256, 'b') + "\"").find("position 3: a word of 256"),
            std::string::npos);
  EXPECT_NE(fault(std::string(kMostExpression + 1, ' ')).find("1025 bytes"), std::string::npos);
}

TEST(LabelExpression, IsWrittenInOneWay) {
  const auto written = [](std::string_view text) {
    const Result<LabelExpression> expression = LabelExpression::parse(text);
    EXPECT_TRUE(expression) << text;
    const std::string again = expression ? expression->str() : "";
    const Result<LabelExpression> twice = LabelExpression::parse(again);
    EXPECT_TRUE(twice && *twice == *expression) << again;
    return again;
  };
  EXPECT_EQ(written("  ((a = \"b\"))  "), "a=b");
  EXPECT_EQ(written("a=1 and (b=1 and (c=1 or d=1)) or (e=1 or not(f=1))"),
            "a=1 and b=1 and (c=1 or d=1) or e=1 or not f=1");
  EXPECT_EQ(written("not (a=1 and b!=2)"), "not (a=1 and b!=2)");
  EXPECT_EQ(written("z not in(a) or z in(a,\"b c\")"), "z!=a or z in (a, \"b c\")");
  EXPECT_EQ(written("a~\"*\" and b~\"x y*\" and c=\"\" and d=\"or\""),
            "a~* and b~\"x y*\" and c=\"\" and d=\"or\"");
}

}  // namespace
}  // namespace drover::dispatch
