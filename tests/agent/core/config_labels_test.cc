#include <gtest/gtest.h>

#include "agent/core/config.h"

namespace drover {
namespace {

/// Whether these labels are accepted; a fault is at its place.
bool are_labels(const std::string& labels) {
  const auto read = parse_config(R"({"labels": )" + labels + "}");
  EXPECT_TRUE(read || read.error().faults.at(0).pointer.starts_with("/labels")) << labels;
  return read.has_value();
}

TEST(ConfigLabels, AreReadAsTheyAre) {
  EXPECT_TRUE(parse_config("{}")->labels.empty());
  EXPECT_EQ(parse_config(R"({"labels": {"role": "web", "zone": ""}})")->labels,
            (std::map<std::string, std::string>{{"role", "web"}, {"zone", ""}}));
}

TEST(ConfigLabels, AreBoundedAndWhatExpressionsCanName) {
  EXPECT_TRUE(are_labels(R"({"team/owner": "us and them", ")" + std::string(63, 'a') + R"(": ")" +
                         std::string(255, 'b') + R"("})"));
  EXPECT_FALSE(are_labels(R"({"name": "pve2"})"));
  EXPECT_FALSE(are_labels(R"({"": "x"})"));
  EXPECT_FALSE(are_labels(R"({")" + std::string(64, 'a') + R"(": ""})"));
  EXPECT_FALSE(are_labels(R"({"a": ")" + std::string(256, 'b') + R"("})"));
  EXPECT_FALSE(are_labels(R"({"a": "b\nc"})"));
  EXPECT_FALSE(are_labels(R"({"a": 1})"));
  EXPECT_FALSE(are_labels(R"(["a"])"));
  std::string many = R"({"l": "")";
  for (int i = 0; i < 64; ++i) {
    many += fmt::format(R"(, "l{}": "")", i);
  }
  EXPECT_FALSE(are_labels(many + "}"));
}

}  // namespace
}  // namespace drover
