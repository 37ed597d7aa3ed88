#include "agent/cli/detach_keys.h"

#include <gtest/gtest.h>

namespace drover::cli {
namespace {

TEST(DetachKeys, AreWhatTheyAreCalled) {
  for (const char* text : {"", "ctrl-p,ctrl-q", "a", "a,b,c", "ctrl-@", "ctrl-[", "ctrl-_,x"}) {
    EXPECT_TRUE(DetachKeys::parse(text)) << text;
  }
  for (const char* text :
       {",", "a,", ",a", "ab", "ctrl-", "ctrl-A", "ctrl-1", "ctrl-pq", "meta-x", "ctrl-p ctrl-q"}) {
    EXPECT_FALSE(DetachKeys::parse(text)) << text;
  }
}

TEST(DetachKeys, WhatIsNoneOfThemIsPassed) {
  DetachKeys keys = DetachKeys::parse("ctrl-p,ctrl-q").value();
  EXPECT_EQ(keys.pass("ls\r"), "ls\r");
  // The first key is held back until the next one shows what it is.
  EXPECT_EQ(keys.pass("a\x10"), "a");
  EXPECT_EQ(keys.pass("b"),
            "\x10"
            "b");
  EXPECT_EQ(keys.pass("\x10\x10\x10"), "\x10\x10");
  EXPECT_FALSE(keys.complete());
  EXPECT_EQ(keys.pass("\x11 behind"), "");
  EXPECT_TRUE(keys.complete());
  EXPECT_EQ(keys.pass("more"), "");
}

TEST(DetachKeys, WithNoneThereIsNoWayOut) {
  DetachKeys keys = DetachKeys::parse("").value();
  EXPECT_EQ(keys.pass("\x10\x11"), "\x10\x11");
  EXPECT_FALSE(keys.complete());
}

}  // namespace
}  // namespace drover::cli
