#include "messaging/etcd/etcd_answer.h"

#include <gtest/gtest.h>

#include "messaging/etcd/base64.h"
#include "messaging/etcd/transaction.h"

namespace drover::etcd {
namespace {

Code code_of(int status, const std::string& body) {
  const auto read = read_answer({status, body}, "ask");
  EXPECT_FALSE(read);
  EXPECT_TRUE(read.error().message.starts_with("ask: ")) << read.error().message;
  return read.error().code;
}

/// As the gateways of 3.4 and 3.5 write it.
std::string refusal(int code, const std::string& message) {
  return R"({"error":")" + message + R"(","message":")" + message + R"(","code":)" +
         std::to_string(code) + "}";
}

TEST(Base64, IsThatOfTheRfcAndItsOwnInverse) {
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all.push_back(static_cast<char>(byte));
    EXPECT_EQ(from_base64(to_base64(all)), all);
  }
}

TEST(Base64, WhatIsNotItsTextIsRefused) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zh==", "Zg===", "====", "Zm9v\n", "Zm-v", "Zg==Zg=="}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

TEST(EtcdAnswer, SaysByItsCodeWhatMayHaveHappened) {
  EXPECT_EQ(code_of(503, refusal(14, "etcdserver: no leader")), Code::unavailable);
  EXPECT_EQ(code_of(503, refusal(14, "etcdserver: request timed out")), Code::timed_out);
  EXPECT_EQ(code_of(503, refusal(14, "etcdserver: leader changed")), Code::timed_out);
  EXPECT_EQ(code_of(504, refusal(4, "context deadline exceeded")), Code::timed_out);
  EXPECT_EQ(code_of(429, refusal(8, "etcdserver: too many requests")), Code::unavailable);
  EXPECT_EQ(code_of(429, refusal(8, "grpc: received message larger than max (3 vs. 2)")),
            Code::invalid);
  EXPECT_EQ(code_of(400, "CommonName of client sending a request against gateway will be ignored"),
            Code::refused);
  EXPECT_EQ(code_of(404, refusal(5, "etcdserver: requested lease not found")), Code::not_found);
  EXPECT_EQ(code_of(412, refusal(9, "etcdserver: lease already exists")), Code::conflict);
  EXPECT_EQ(code_of(403, refusal(7, "etcdserver: permission denied")), Code::refused);
  EXPECT_EQ(code_of(400, refusal(3, "etcdserver: request is too large")), Code::invalid);
  EXPECT_EQ(
      code_of(400, refusal(3, "etcdserver: authentication failed, invalid user ID or password")),
      Code::refused);
  EXPECT_EQ(code_of(502, "<html>Bad Gateway</html>"), Code::timed_out);
  EXPECT_EQ(code_of(404, "Not Found\n"), Code::refused);
  EXPECT_EQ(code_of(200, "{"), Code::broken);
  EXPECT_EQ(code_of(200, "[]"), Code::broken);
}

TEST(EtcdAnswer, ATroubleWithinAStreamIsOneThoughItsStatusIs200) {
  const HttpAnswer answer{
      200, R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}})"};
  const auto read = read_first_answer(answer, "keep");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::unavailable);
  EXPECT_EQ(read.error().message, "keep: 503 etcdserver: no leader");
}

TEST(EtcdAnswer, WhatIsNoAnswerOfThatKindIsBroken) {
  const auto read = [](const char* text) { return *json::parse(text); };
  EXPECT_FALSE(read_range(read("{}"), "ask"));
  EXPECT_FALSE(read_range(read(R"({"header":{"revision":"1"},"kvs":{}})"), "ask"));
  EXPECT_FALSE(read_range(read(R"({"header":{"revision":"1"},"kvs":[{}]})"), "ask"));
  EXPECT_FALSE(read_range(read(R"({"header":{"revision":"1"},"kvs":[{"key":"?"}]})"), "ask"));
  EXPECT_FALSE(read_range(
      read(R"({"header":{"revision":"1"},"kvs":[{"key":"Zg==","lease":"-1"}]})"), "ask"));
  EXPECT_FALSE(read_transaction(read(R"({"header":{"revision":"1"},"responses":1})"), "ask"));
  EXPECT_FALSE(read_lease(read(R"({"TTL":"5"})"), "ask"));
  EXPECT_FALSE(read_token(read(R"({"token":""})"), "ask"));
  EXPECT_FALSE(read_token(read("{\"token\":\"a\\r\\nHost: b\"}"), "ask")) << "it becomes a header";
}

TEST(Keys, ThoseBelowAPrefixEndBeforeTheNextOne) {
  EXPECT_EQ(Keys::below("a/").end, "a0");
  EXPECT_EQ(Keys::below("a\xff").end, "b");
  EXPECT_EQ(Keys::below("\xff").end, std::string(1, '\0'));
}

}  // namespace
}  // namespace drover::etcd
