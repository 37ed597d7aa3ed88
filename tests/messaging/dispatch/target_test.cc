#include "messaging/dispatch/target.h"

#include <gtest/gtest.h>

namespace drover::dispatch {
namespace {

Target target(std::string_view text) {
  Result<Target> parsed = Target::parse(text);
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : *Target::parse("all");
}

std::string target_fault(std::string_view text) {
  const Result<Target> parsed = Target::parse(text);
  EXPECT_FALSE(parsed) << text;
  return parsed ? "" : parsed.error().message;
}

TEST(Target, AllAndAnyAreForEveryNode) {
  EXPECT_EQ(target("all").kind(), Target::Kind::all);
  EXPECT_EQ(target("any").kind(), Target::Kind::any);
  EXPECT_TRUE(target("all").fits("pve1", {}));
  EXPECT_TRUE(target("any").fits("pve1", {}));
  EXPECT_TRUE(target("all").unknown({}).empty());
}

TEST(Target, NamesAndPatternsAreForThoseTheyFit) {
  const Target one = target("pve1");
  EXPECT_TRUE(one.fits("pve1", {}));
  EXPECT_FALSE(one.fits("pve10", {}));
  const Target many = target("pve1,edge-*,n?de");
  EXPECT_TRUE(many.fits("pve1", {}));
  EXPECT_TRUE(many.fits("edge-7", {}));
  EXPECT_TRUE(many.fits("node", {}));
  EXPECT_FALSE(many.fits("pve2", {}));
  EXPECT_EQ(many.str(), "pve1,edge-*,n?de");
}

TEST(Target, NamesThatNoNodeHasAreTold) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(target("pve1,pve9,edge-*").unknown({"pve1", "pve2"}), (Names{"pve9", "edge-*"}));
  EXPECT_EQ(target("pve1,edge-*").unknown({"pve1", "edge-2"}), Names{});
  EXPECT_EQ(target("role=web").unknown({}), Names{});
}

TEST(Target, WhatIsNoListOfNamesIsALabelExpression) {
  const Target web = target("role=web and not zone=b");
  EXPECT_EQ(web.kind(), Target::Kind::labels);
  EXPECT_TRUE(web.fits("pve1", {{"role", "web"}}));
  EXPECT_FALSE(web.fits("pve1", {{"role", "web"}, {"zone", "b"}}));
  EXPECT_TRUE(target("has ssd").fits("pve1", {{"ssd", "1"}}));
  EXPECT_TRUE(target("name=all").fits("all", {}));
  EXPECT_FALSE(target("name=all").fits("pve1", {}));
  EXPECT_TRUE(target("all,pve1").fits("all", {}));
  EXPECT_FALSE(target("all,pve1").fits("pve2", {}));
}

TEST(Target, AFaultHasItsPosition) {
  EXPECT_NE(target_fault("").find("target, position 1: \"\" is neither"), std::string::npos);
  EXPECT_NE(target_fault("pve1,PVE2").find("target, position 6: \"PVE2\" is neither"),
            std::string::npos);
  EXPECT_NE(target_fault("pve1,,pve2").find("position 6: \"\" is neither"), std::string::npos);
  EXPECT_NE(target_fault("pve1,").find("position 6: \"\" is neither"), std::string::npos);
  EXPECT_EQ(target_fault("pve1,pve2,pve1"), "target, position 11: \"pve1\" stands twice");
  EXPECT_EQ(target_fault("role=web or"),
            "target: label expression: position 12: here must stand \"not\", \"has\", \"(\" or the "
            "name of a label, not the end");
  EXPECT_NE(target_fault(std::string(kMostTarget + 1, 'a')).find("2049 bytes"), std::string::npos);
  EXPECT_NE(target_fault(std::string(64, 'a')).find("position 1"), std::string::npos);
}

}  // namespace
}  // namespace drover::dispatch
