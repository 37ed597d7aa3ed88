#include "messaging/message.h"

#include <gtest/gtest.h>

namespace drover::messaging {
namespace {

TEST(Header, RoundTrip) {
  const Result<Header> header = read_header(write_header("stream.data", 42, {{"offset", 4711}}));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->kind, "stream.data");
  EXPECT_EQ(header->rq, 42U);
  EXPECT_EQ(header->all.find("offset")->integer_or(0), 4711);
}

TEST(Header, WhatIsNoHeaderIsInvalid) {
  for (const char* text :
       {"", "null", "[]", "{}", R"({"v":2,"kind":"a","rq":1})", R"({"v":1,"kind":"","rq":1})",
        R"({"v":1,"kind":7,"rq":1})", R"({"v":1,"kind":"a"})", R"({"v":1,"kind":"a","rq":-1})",
        R"({"v":1,"kind":"a","rq":1.5})",
        R"({"v":1,"kind":"a","rq":1} )"
        "x",
        R"({"v":1,"kind":"a","rq":1,"rq":2})", R"({"v":1,"kind":"a","rq":1,"x":[[[[[]]]]]})"}) {
    const Result<Header> header = read_header(text);
    ASSERT_FALSE(header) << text;
    EXPECT_EQ(header.error().code, Code::invalid) << text;
  }
  EXPECT_FALSE(read_header(write_header("a", 1, {{"pad", std::string(kMostHeader, 'x')}})));
}

TEST(Kind, EachRoleHasItsOwn) {
  EXPECT_TRUE(check_kind(Role::submit, "job.submit"));
  EXPECT_TRUE(check_kind(Role::observe, "query.events"));
  EXPECT_TRUE(check_kind(Role::admin, "job.submit"));
  EXPECT_TRUE(check_kind(Role::admin, "query.node"));
  EXPECT_TRUE(check_kind(Role::observe, "query.stats"));
  EXPECT_EQ(check_kind(Role::observe, "job.submit").error().code, Code::refused);
  EXPECT_EQ(check_kind(Role::submit, "query.node").error().code, Code::refused);
  EXPECT_EQ(check_kind(Role::admin, "front.ready").error().code, Code::invalid);
}

TEST(ErrorBody, RoundTrip) {
  const Error error{Code::conflict, "id a was used", {{"/id", "was used", 3}, {"", "bad", 0}}};
  const Error read = read_error(write_error(error));
  EXPECT_EQ(read.code, error.code);
  EXPECT_EQ(read.message, error.message);
  EXPECT_EQ(read.faults, error.faults);
  EXPECT_EQ(read_error("garbage").code, Code::broken);
}

}  // namespace
}  // namespace drover::messaging
