#include "runtimes/log_search.h"

#include <gtest/gtest.h>

#include <ctime>
#include <filesystem>
#include <fstream>

#include "agent/core/rfc3339.h"
#include "fakes/temp_folder.h"
#include "runtimes/log_rotation.h"

namespace drover::runtimes {
namespace {

class LogSearchTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(begin_rotated_log(log_)); }
  void write(const std::string& text) {
    std::ofstream(log_, std::ios::app) << text;
    all_ += text;
  }
  void record(std::int64_t unix_ms, const std::string& rest) {
    write(to_rfc3339(unix_ms) + " stdout " + rest + "\n");
  }
  void turn() { ASSERT_TRUE(turn_rotated_log(log_, {0, 9})); }
  /// What is read from the place that is found.
  std::string last(std::uint64_t lines, bool raw = false) {
    const auto parts = open_log_parts(log_);
    const auto place = find_last_lines(*parts, lines, raw);
    EXPECT_TRUE(place);
    return all_.substr(place.value_or(0));
  }
  std::string since(std::int64_t unix_ms) {
    const auto parts = open_log_parts(log_);
    const auto place = find_time(*parts, unix_ms);
    EXPECT_TRUE(place);
    return all_.substr(place.value_or(0));
  }
  static std::string texts(const std::string& records) {
    std::string found;
    for (std::size_t at = 0; at < records.size(); at = records.find('\n', at) + 1) {
      const std::size_t text = records.find(' ', records.find(' ', at) + 1) + 1;
      found += records.substr(text, records.find('\n', at) - text) + "|";
    }
    return found;
  }

  fakes::TempFolder folder_;
  const system::Path log_ = folder_ / "log";
  std::string all_;
};

TEST_F(LogSearchTest, TheLastLinesAreCountedOverFilesAndWithTheirParts) {
  EXPECT_EQ(last(3), "");
  record(1000, "F one");
  record(2000, "P tw");
  record(2001, "F o");
  turn();
  record(3000, "P thr");
  record(3001, "P e");
  turn();
  record(3002, "F e");
  record(4000, "F four");
  EXPECT_EQ(last(0), "");
  EXPECT_EQ(texts(last(1)), "F four|");
  EXPECT_EQ(texts(last(2)), "P thr|P e|F e|F four|");
  EXPECT_EQ(texts(last(3)), "P tw|F o|P thr|P e|F e|F four|");
  EXPECT_EQ(last(4), all_);
  EXPECT_EQ(last(400), all_);
  record(5000, "P not ended");
  EXPECT_EQ(texts(last(1)), "F four|P not ended|") << "a prompt is no line yet";
}

TEST_F(LogSearchTest, RawLinesEndWithTheirNewline) {
  write("one\r\ntwo\r\n");
  turn();
  write("three\r\nprompt> ");
  EXPECT_EQ(last(1, true), "three\r\nprompt> ");
  EXPECT_EQ(last(2, true), "two\r\nthree\r\nprompt> ");
  EXPECT_EQ(last(0, true), "prompt> ");
}

TEST_F(LogSearchTest, LongLinesAreFoundOverTheBlocksThatAreRead) {
  for (int i = 0; i < 40; ++i) {
    record(i * 1000, "F " + std::to_string(i) + std::string(16'000, 'x'));
  }
  const std::string found = last(9);
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 9);
  EXPECT_EQ(found.find(" F 31x"), to_rfc3339(0).size() + 7);
}

TEST_F(LogSearchTest, ATimeIsFoundInEachFile) {
  for (int i = 0; i < 3000; ++i) {
    record(1'000'000 + i * 10, "F " + std::to_string(i) + std::string(60, 'x'));
    if (i % 1000 == 999) {
      turn();
    }
  }
  for (const int wanted : {0, 1, 999, 1000, 1001, 1500, 2998, 2999}) {
    const std::string found = since(1'000'000 + wanted * 10);
    EXPECT_TRUE(found.starts_with(to_rfc3339(1'000'000 + wanted * 10))) << wanted;
    EXPECT_EQ(since(1'000'000 + wanted * 10 - 9), found) << wanted;
  }
  EXPECT_EQ(since(0), all_);
  EXPECT_EQ(since(2'000'000'000), "");
}

TEST_F(LogSearchTest, WhatIsOfNoFormatIsPassedOver) {
  write("who has written this?\n");
  record(1000, "F one");
  write("\n\n");
  record(2000, "F two");
  EXPECT_EQ(texts(since(1500)), "F two|");
  EXPECT_EQ(texts(last(1)), "F two|");
  EXPECT_EQ(last(400), all_);
}

TEST_F(LogSearchTest, WhatIsSearchedCostsNoMoreForItsManyShortRecords) {
  // A program that prints dots has a record of each, and the loop's thread waits for the search.
  std::string records;
  while (records.size() < std::size_t{17} << 20) {
    records += to_rfc3339(1000) + " stdout P .\n";
  }
  const std::clock_t before = std::clock();
  write(records);
  last(1);
  // What it mends took a second without sanitizers, which multiply it; on a busy core all is
  // slower.
  EXPECT_LT(std::clock() - before, 2 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace drover::runtimes
