#include "agent/cli/log_decoder.h"

#include <gtest/gtest.h>

namespace drover::cli {
namespace {

constexpr std::string_view kLog =
    "2026-11-24T14:03:05.123456789+01:00 stdout F hello there\n"
    "2026-11-24T14:03:05.223456789+01:00 stderr F oops\n"
    "2026-11-24T14:03:05.323456789+01:00 stdout P half\n"
    "2026-11-24T14:03:05.423456789+01:00 stdout F  whole\n"
    "2026-11-24T14:03:05.523456789+01:00 stdout F \n"
    "2026-11-24T14:03:05.623456789+01:00 stdout F\n"
    "no such format\n";

struct Decoded {
  std::string out;
  std::string err;
  std::string times;
};

Decoded decode(std::string_view log, std::size_t cut) {
  Decoded decoded;
  LogDecoder decoder([&](const LogLine& line) {
    (line.is_error ? decoded.err : decoded.out) += std::string(line.text) + (line.ends ? "\n" : "");
    decoded.times += std::string(line.time) + ";";
  });
  for (; !log.empty(); log.remove_prefix(std::min(cut, log.size()))) {
    decoder.feed(log.substr(0, cut));
  }
  decoder.finish();
  return decoded;
}

TEST(LogDecoder, GivesTheSameHoweverTheBytesAreCut) {
  for (const std::size_t cut : {std::size_t{1}, std::size_t{7}, kLog.size()}) {
    const Decoded decoded = decode(kLog, cut);
    EXPECT_EQ(decoded.out, "hello there\nhalf whole\n\n\nno such format\n") << cut;
    EXPECT_EQ(decoded.err, "oops\n") << cut;
  }
}

TEST(LogDecoder, WhatATerminalWasGivenIsPassedOnLineByLine) {
  std::string out;
  LogDecoder decoder([&](const LogLine& line) {
    EXPECT_EQ(line.time, "");
    out += std::string(line.text) + "|";
  });
  const std::string_view text = "one\r\n2026-11-24T14:03:05.1Z stderr F two\r\n\r\nthree";
  for (const char c : text) {
    decoder.feed({&c, 1}, true);
  }
  decoder.finish();
  EXPECT_EQ(out, "one|2026-11-24T14:03:05.1Z stderr F two||three|");
}

TEST(LogDecoder, TellsTheTimeOfEachLineOnceThoughItIsInParts) {
  EXPECT_EQ(decode(kLog, 10).times,
            "2026-11-24T14:03:05.123456789+01:00;2026-11-24T14:03:05.223456789+01:00;"
            "2026-11-24T14:03:05.323456789+01:00;;2026-11-24T14:03:05.523456789+01:00;"
            "2026-11-24T14:03:05.623456789+01:00;;");
  // Each stream has its own lines.
  EXPECT_EQ(decode("2026-11-24T14:03:05.1Z stdout P one\n"
                   "2026-11-24T14:03:05.2Z stderr F two\n"
                   "2026-11-24T14:03:05.3Z stdout F three\n",
                   10)
                .times,
            "2026-11-24T14:03:05.1Z;2026-11-24T14:03:05.2Z;;");
}

TEST(LogDecoder, ALastLineWithoutNewlineIsNotLost) {
  EXPECT_EQ(decode("2026-11-24T14:03:05.123456789Z stdout F the end", 5).out, "the end\n");
}

TEST(LogDecoder, ALineWithoutEndIsPassedOnInPieces) {
  const std::string endless(3 << 20, 'x');
  EXPECT_EQ(decode(endless, 4096).out.substr(0, endless.size()), endless);
}

TEST(LogDecoder, WhatOnlyLooksLikeTheFormatIsKeptWhole) {
  for (const char* line : {"2026-11-24T14:03:05.1Z stdin F x", "2026-11-24T14:03:05.1Z stdout X x",
                           "2026-11-24T14:03:05.1Z stdout Fx", "stdout F x", "a b c d", ""}) {
    EXPECT_EQ(decode(std::string(line) + "\n", 100).out, std::string(line) + "\n");
  }
}

}  // namespace
}  // namespace drover::cli
