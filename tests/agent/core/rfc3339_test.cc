#include "agent/core/rfc3339.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

TEST(Rfc3339Test, IsUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(999), "1970-01-01T00:00:00.999Z");
  EXPECT_EQ(to_rfc3339(951'782'400'000), "2000-02-29T00:00:00.000Z");
}

TEST(Rfc3339Test, ATimeBefore1970IsATime) {
  EXPECT_EQ(to_rfc3339(-1), "1969-12-31T23:59:59.999Z");
}

TEST(Rfc3339Test, EachOffsetAndFractionIsRead) {
  EXPECT_EQ(unix_ms_from_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(unix_ms_from_rfc3339("2000-02-29T00:00:00.5Z"), 951'782'400'500);
  EXPECT_EQ(unix_ms_from_rfc3339("2000-02-29T01:30:00.123456789+01:30"), 951'782'400'123);
  EXPECT_EQ(unix_ms_from_rfc3339("2000-02-28t19:00:00.999999-05:00"), 951'782'400'999);
  EXPECT_EQ(unix_ms_from_rfc3339("1998-12-31T23:59:60Z"),
            unix_ms_from_rfc3339("1999-01-01T00:00:00Z"));
  EXPECT_EQ(to_rfc3339(*unix_ms_from_rfc3339("2026-11-24T14:03:05.123Z")),
            "2026-11-24T14:03:05.123Z");
}

TEST(Rfc3339Test, WhatIsNoTimeIsNone) {
  for (const char* text :
       {"", "2026", "2026-11-24", "2026-11-24T14:03:05", "2026-11-24T14:03:05.Z",
        "2026-13-24T14:03:05Z", "2026-02-29T14:03:05Z", "2026-11-24T24:03:05Z",
        "2026-11-24T14:60:05Z", "2026-11-24T14:03:61Z", "2026-11-24T14:03:05+1:00",
        "2026-11-24T14:03:05Zz", "1969-12-31T23:59:59Z", "x026-11-24T14:03:05Z",
        "2026-11-24T14:03:05+24:00", "+026-11-24T14:03:05Z"}) {
    EXPECT_FALSE(unix_ms_from_rfc3339(text)) << text;
  }
}

}  // namespace
}  // namespace drover
