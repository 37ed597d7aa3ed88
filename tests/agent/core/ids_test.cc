#include "agent/core/ids.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <unordered_set>

namespace drover {
namespace {

TEST(JobIdTest, TakesWhatIsDocumented) {
  for (const std::string& good : {std::string("a"), std::string("Z"), std::string("0"),
                                  std::string("a._-9"), std::string(64, 'x')}) {
    const auto id = JobId::parse(good);
    ASSERT_TRUE(id) << good;
    EXPECT_EQ(id->str(), good);
  }
}

TEST(Uuid7, TellsWhenItWasMade) {
  EXPECT_EQ(uuid7_time(make_uuid7(0x0123456789abULL)), 0x0123456789abLL);
  EXPECT_EQ(uuid7_time("01234567-89AB-7000-8000-000000000000"), 0x0123456789abLL);
  for (const char* other :
       {"", "j1", "01234567-89ab-4000-8000-000000000000", "01234567-89ab-7000-8000-00000000000",
        "g1234567-89ab-7000-8000-000000000000", "01234567x89ab-7000-8000-000000000000"}) {
    EXPECT_EQ(uuid7_time(other), std::nullopt) << other;
  }
}

TEST(JobIdTest, RefusesEverythingElse) {
  for (const std::string& bad :
       {std::string(), std::string(65, 'x'), std::string(".a"), std::string("_a"),
        std::string("-a"), std::string("a/b"), std::string("a b"), std::string("a\0b", 3),
        std::string("\xc3\xa4"), std::string("a\n"), std::string("..")}) {
    const auto id = JobId::parse(bad);
    ASSERT_FALSE(id) << bad;
    EXPECT_EQ(id.error().code, Code::invalid);
  }
}

TEST(JobIdTest, AnErrorQuotesOnlyTheStart) {
  EXPECT_LT(JobId::parse(std::string(1'000'000, 'x')).error().message.size(), 300U);
}

TEST(ContainerNameTest, IsADnsLabel) {
  for (const std::string& good : {std::string("a"), std::string("web-1"), std::string("1a"),
                                  std::string("a--b"), std::string(63, 'a')}) {
    EXPECT_TRUE(ContainerName::parse(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string(64, 'a'), std::string("-a"), std::string("a-"), std::string("A"),
        std::string("a.b"), std::string("a_b"), std::string("a/b"), std::string("a\0", 2),
        std::string(" a")}) {
    EXPECT_FALSE(ContainerName::parse(bad)) << bad;
  }
}

TEST(ContainerNameTest, IsNotAllDigits) {
  EXPECT_FALSE(ContainerName::parse("100"));
  EXPECT_FALSE(ContainerName::parse("0"));
  EXPECT_TRUE(ContainerName::parse("1-0"));
  EXPECT_TRUE(NodeName::parse("100"));
}

TEST(IdTest, ComparesAndHashesByText) {
  const auto a = ContainerName::parse("a").value();
  const auto b = ContainerName::parse("b").value();
  EXPECT_LT(a, b);
  EXPECT_EQ(a, ContainerName::parse("a").value());
  const std::unordered_set<ContainerName> names{a, b, ContainerName::parse("a").value()};
  EXPECT_EQ(names.size(), 2U);
}

TEST(Uuid7Test, HasTheTimeInFrontAndItsVersion) {
  const std::string id = make_uuid7(0x0123456789abULL);
  ASSERT_EQ(id.size(), 36U);
  EXPECT_EQ(id.substr(0, 15), "01234567-89ab-7");
  EXPECT_EQ(id[18], '-');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
  EXPECT_EQ(id[23], '-');
  EXPECT_TRUE(JobId::parse(id));
}

TEST(Uuid7Test, SortsByTimeAndNeverRepeats) {
  EXPECT_LT(make_uuid7(1), make_uuid7(2));
  EXPECT_LT(make_uuid7(0xffff), make_uuid7(0x10000));
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    ids.insert(make_uuid7(7));
  }
  EXPECT_EQ(ids.size(), 1000U);
}

}  // namespace
}  // namespace drover
