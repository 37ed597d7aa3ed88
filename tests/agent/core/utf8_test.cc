#include "agent/core/utf8.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

TEST(Utf8Test, TakesEveryCharacterAtTheEndsOfItsRange) {
  for (const std::string& good :
       {std::string("\0", 1), std::string("\x7f"), std::string("\xc2\x80"), std::string("\xdf\xbf"),
        std::string("\xe0\xa0\x80"), std::string("\xed\x9f\xbf"), std::string("\xee\x80\x80"),
        std::string("\xef\xbf\xbf"), std::string("\xf0\x90\x80\x80"),
        std::string("\xf4\x8f\xbf\xbf"), std::string()}) {
    EXPECT_EQ(utf8_prefix(good), good.size());
    EXPECT_EQ(repair_utf8(good), good);
  }
}

TEST(Utf8Test, TakesNothingBeyond) {
  for (const char* bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82",
        "\xf0\x9f\x98", "\xe2\x28\xa1"}) {
    EXPECT_EQ(utf8_prefix(bad), 0U);
    EXPECT_EQ(utf8_prefix("ok" + std::string(bad)), 2U);
  }
}

TEST(Utf8Test, RepairsOnlyWhatIsWrong) {
  EXPECT_EQ(repair_utf8("a\xff"
                        "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(repair_utf8("\xc3\xa4\xc3"), "\xc3\xa4\xef\xbf\xbd");
  const std::string repaired = repair_utf8("\xf0\x9f\x98!\xed\xa0\x80");
  EXPECT_EQ(utf8_prefix(repaired), repaired.size());
}

}  // namespace
}  // namespace drover
