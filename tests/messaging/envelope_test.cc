#include "messaging/envelope.h"

#include <gtest/gtest.h>

namespace drover::messaging {
namespace {

TEST(Envelope, RoundTrip) {
  for (const Envelope& envelope :
       {Envelope{}, Envelope{4711, "", {}}, Envelope{0, "alice", KeyRole::submit},
        Envelope{4711, "", KeyRole::admin}}) {
    const Result<Envelope> read = read_envelope(write_envelope(envelope));
    ASSERT_TRUE(read) << write_envelope(envelope);
    EXPECT_EQ(*read, envelope);
  }
  EXPECT_EQ(write_envelope({17, "alice", KeyRole::observe}),
            R"({"v":1,"client":17,"for":"alice","role":"observe"})");
  EXPECT_EQ(write_envelope({}), R"({"v":1})");
}

TEST(Envelope, WhatIsNotKnownIsIgnored) {
  const Result<Envelope> read = read_envelope(R"({"v":1,"client":1,"later":{"a":[1]}})");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (Envelope{1, "", {}}));
}

TEST(Envelope, WhatIsNoneIsInvalid) {
  for (const char* text :
       {"", "[]", "{}", R"({"v":2})", R"({"v":1,"client":-1})", R"({"v":1,"client":"1"})",
        R"({"v":1,"client":1,"for":""})", R"({"v":1,"client":1,"for":"local"})",
        R"({"v":1,"client":1,"for":7})", R"({"v":1,"client":1,"for":"a b"})",
        R"({"v":1,"client":1,"role":"dispatch"})", R"({"v":1,"client":1,"role":"agent"})",
        R"({"v":1,"client":1,"role":"root"})", R"({"v":1,"for":"alice"})",
        R"({"v":1,"role":"admin"})", R"({"v":1,"client":1,"client":2})"}) {
    const Result<Envelope> read = read_envelope(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::invalid) << text;
  }
  EXPECT_FALSE(read_envelope(R"({"v":1,"x":")" + std::string(kMostEnvelope, 'x') + R"("})"));
}

}  // namespace
}  // namespace drover::messaging
