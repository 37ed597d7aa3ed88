#include "agent/core/glob.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace drover {
namespace {

TEST(GlobTest, MatchesTheWholeTextOnly) {
  EXPECT_TRUE(glob_match("abc", "abc"));
  EXPECT_FALSE(glob_match("abc", "abcd"));
  EXPECT_FALSE(glob_match("abc", "ab"));
  EXPECT_FALSE(glob_match("abc", "xabc"));
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("", "a"));
  EXPECT_FALSE(glob_match("a", ""));
}

TEST(GlobTest, AStarIsAnyRun) {
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("*", "anything"));
  EXPECT_TRUE(glob_match("**", "anything"));
  EXPECT_TRUE(glob_match("web-*", "web-"));
  EXPECT_TRUE(glob_match("web-*", "web-1"));
  EXPECT_FALSE(glob_match("web-*", "web"));
}

TEST(GlobTest, BacktracksFully) {
  EXPECT_TRUE(glob_match("*-db", "my-app-db"));
  EXPECT_TRUE(glob_match("a*b", "axbyb"));
  EXPECT_TRUE(glob_match("kube-*-db", "kube-a-b-db"));
  EXPECT_TRUE(glob_match("*a*b*c", "aabbabcxc"));
  EXPECT_TRUE(glob_match("*ab", "aab"));
  EXPECT_FALSE(glob_match("*-db", "my-db-app"));
  EXPECT_FALSE(glob_match("a*b*c", "acb"));
}

TEST(GlobTest, AQuestionMarkIsOneCharacter) {
  EXPECT_TRUE(glob_match("web-?", "web-1"));
  EXPECT_FALSE(glob_match("web-?", "web-"));
  EXPECT_FALSE(glob_match("web-?", "web-10"));
  EXPECT_TRUE(glob_match("*?", "a"));
  EXPECT_FALSE(glob_match("*?", ""));
}

TEST(GlobTest, EverythingElseIsItself) {
  EXPECT_FALSE(glob_match(".*", "abc"));
  EXPECT_TRUE(glob_match(".*", ".abc"));
  EXPECT_FALSE(glob_match("[ab]", "a"));
  EXPECT_TRUE(glob_match("[ab]", "[ab]"));
  EXPECT_FALSE(glob_match("\\*", "*"));
  EXPECT_FALSE(glob_match("Web", "web"));
}

/// What the pattern says, by trying everything: slow and plainly right.
bool slow_match(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) {
    return text.empty();
  }
  if (pattern.front() == '*') {
    return slow_match(pattern.substr(1), text) ||
           (!text.empty() && slow_match(pattern, text.substr(1)));
  }
  return !text.empty() && (pattern.front() == '?' || pattern.front() == text.front()) &&
         slow_match(pattern.substr(1), text.substr(1));
}

/// Every text of up to `most` of these characters.
std::vector<std::string> texts_of(std::string_view characters, std::size_t most) {
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].size() < most) {
      for (const char c : characters) {
        texts.push_back(texts[i] + c);
      }
    }
  }
  return texts;
}

TEST(GlobTest, AgreesWithTheSlowWayOnEverySmallCase) {
  for (const std::string& pattern : texts_of("ab*?", 5)) {
    for (const std::string& text : texts_of("ab", 6)) {
      ASSERT_EQ(glob_match(pattern, text), slow_match(pattern, text)) << pattern << ' ' << text;
    }
  }
}

TEST(GlobTest, TheWorstCaseIsQuadraticAndNotWorse) {
  // A matcher that tries every way of the stars would not end in a lifetime here.
  std::string pattern;
  for (int i = 0; i < 100; ++i) {
    pattern += "a*";
  }
  pattern += "b";
  const std::string text(20'000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_match(pattern, text));
  EXPECT_TRUE(glob_match(pattern, text + "b"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(PathGlobTest, GoesPartByPart) {
  EXPECT_TRUE(path_glob_match("/dev/dri/*", "/dev/dri/card0"));
  EXPECT_TRUE(path_glob_match("/dev/*/x", "/dev/a/x"));
  EXPECT_TRUE(path_glob_match("/dev/sd?", "/dev/sda"));
  EXPECT_TRUE(path_glob_match("", ""));
  for (const char* path : {"/dev/dri", "/dev/dri/by-path/x", "/dev/dri/../sda", "/dev", ""}) {
    EXPECT_FALSE(path_glob_match("/dev/dri/*", path)) << path;
  }
  EXPECT_FALSE(path_glob_match("/dev/?", "/dev/a/b"));
  EXPECT_FALSE(path_glob_match("/dev*", "/dev/a"));
  EXPECT_FALSE(path_glob_match("*", "/"));
}

TEST(GlobTest, DepthCostsNoStack) {
  EXPECT_TRUE(glob_match(std::string(1'000'000, '*'), std::string(10, 'a')));
  EXPECT_TRUE(glob_match("*" + std::string(100, '?'), std::string(1'000'000, 'a')));
}

}  // namespace
}  // namespace drover
