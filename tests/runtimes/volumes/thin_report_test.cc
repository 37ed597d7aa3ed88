#include "runtimes/volumes/thin_report.h"

#include <gmock/gmock.h>

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

constexpr const char* kWhole = "web-1.data.job.1";

/// As lvs 2.03.16 writes it.
std::string row(const std::string& name, const std::string& tags,
                const std::string& attr = "Vwi-a-tz--", const std::string& size = "20971520",
                const std::string& percent = "0.02") {
  return R"({"lv_name":")" + name + R"(", "lv_path":"/dev/vg0/)" + name + R"(", "lv_size":")" +
         size + R"(", "lv_attr":")" + attr + R"(", "lv_tags":")" + tags + R"(", "data_percent":")" +
         percent + R"(", "metadata_percent":""})";
}
std::string report(const std::string& rows) {
  return "  {\n      \"report\": [\n          {\n              \"lv\": [\n" + rows +
         "\n              ]\n          }\n      ]\n  }\n";
}

TEST(ThinReportTest, TellsOurVolumesAndThePool) {
  const std::string ours = thin_name(kWhole);
  const auto read =
      parse_thin_report(report(row("data", "", "twi-aotz--", "268435456", "37.50") + "," +
                               row("root", "") + "," + row(ours, "other," + thin_tag(kWhole))),
                        "data");
  ASSERT_TRUE(read) << to_text(read.error());
  ASSERT_TRUE(read->pool);
  EXPECT_EQ(read->pool->size, 256U << 20U);
  EXPECT_EQ(read->pool->free_bytes() >> 20U, 159U);
  EXPECT_FALSE(read->pool->is_full());
  ASSERT_EQ(read->volumes.size(), 1U);
  EXPECT_EQ(read->volumes.front(), (ThinRow{ours, "/dev/vg0/" + ours, 20, kWhole}));
  EXPECT_EQ(read->find(kWhole)->name, ours);
  EXPECT_EQ(read->find("web-1.data.job.2"), nullptr);
  EXPECT_FALSE(parse_thin_report(report(row("data", "")), "data")->pool) << "it is no pool";
}

TEST(ThinReportTest, WhatOnlyLooksLikeOursIsNot) {
  const std::string ours = thin_name(kWhole);
  for (const std::string& line :
       {row(ours, ""), row(ours, "drover.volume="), row(ours, thin_tag("web-1.data.job.2")),
        row("other", thin_tag(kWhole)), row(thin_name("x"), thin_tag("x")),
        row(ours, "x" + thin_tag(kWhole))}) {
    const auto read = parse_thin_report(report(line), "data");
    ASSERT_TRUE(read) << line;
    EXPECT_TRUE(read->volumes.empty()) << line;
  }
}

TEST(ThinReportTest, APoolIsFullBeforeItsLastBlocks) {
  const auto pool = [](const std::string& percent) {
    return parse_thin_report(report(row("data", "", "twi-aotz--", "268435456", percent)), "data")
        .value()
        .pool.value();
  };
  EXPECT_FALSE(pool("98.99").is_full());
  EXPECT_TRUE(pool("99.00").is_full());
  EXPECT_EQ(pool("100.00").free_bytes(), 0U);
  EXPECT_FALSE(pool("").is_full()) << "it is not active";
  EXPECT_EQ(pool("nan").data_percent, 0);
  EXPECT_EQ(pool("inf").data_percent, 100);
  EXPECT_EQ(pool("-3").data_percent, 0);
}

TEST(ThinReportTest, AnythingElseIsBroken) {
  const std::string ours = row(thin_name(kWhole), thin_tag(kWhole), "Vwi-a-tz--", "20.00m");
  for (const std::string& text : {std::string(), std::string("{}"), std::string("[]"), report(ours),
                                  report(row("data", "", "twi-aotz--", "1", "37,50"))}) {
    const auto read = parse_thin_report(text, "data");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::broken);
    EXPECT_THAT(read.error().message, HasSubstr("what lvs tells"));
  }
}

TEST(ThinReportTest, ANameFitsLvmAndIsAnotherForEachVolume) {
  EXPECT_THAT(thin_name(kWhole), testing::MatchesRegex("drover-[0-9a-f]{32}"));
  EXPECT_NE(thin_name(kWhole), thin_name("web-1.data.job.2"));
  // lvm(8): 1024 are the most.
  const std::string longest =
      std::string(63, 'c') + "." + std::string(63, 'v') + "." + std::string(64, 'j');
  EXPECT_LE(thin_tag(longest).size(), 1024U);
}

}  // namespace
}  // namespace drover::runtimes
