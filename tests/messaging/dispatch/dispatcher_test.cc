#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "some_dispatcher.h"

namespace drover::dispatch {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(DispatcherTest, ARequestForOneNodeComesThereWithItsClientsNameAndRole) {
  hello("pve1", 1);
  hello("pve2", 2);
  ask("query.node", 5, {{"to", "pve2"}}, json::Object(), KeyRole::observe);
  ASSERT_EQ(count(2), 1U);
  EXPECT_EQ(count(1), 0U);
  const Asked& asked = post_.agents[2].front();
  EXPECT_EQ(asked.envelope, (messaging::Envelope{kClient, "alice", KeyRole::observe}));
  EXPECT_EQ(asked.letter.header.kind, "query.node");
  EXPECT_EQ(asked.letter.header.all.find("to"), nullptr);
  answer("pve2", 2, "answer", json::Object{{"node", "pve2"}});
  EXPECT_EQ(told().header.kind, "answer");
  EXPECT_EQ(told().header.rq, 5U);
  EXPECT_EQ(told().member("node"), "pve2");
}

TEST_F(DispatcherTest, AStreamPassesWithItsDataAndOffset) {
  hello("pve1", 1);
  ask("input.data", 6, {{"to", "pve1"}, {"offset", 3}}, json::Object(), KeyRole::submit, "bytes");
  ASSERT_EQ(count(1), 1U);
  EXPECT_EQ(post_.agents[1].front().letter.data, "bytes");
  EXPECT_EQ(post_.agents[1].front().letter.header.all.find("offset")->integer_or(0), 3);
  ask("stream.open", 8, {{"to", "all"}}, json::Object());
  EXPECT_EQ(told().body.at("code").string_or(""), "invalid");
}

TEST_F(DispatcherTest, AJobThatOneNodeRefusesIsAskedOfTheNext) {
  hello("pve1", 1);
  hello("pve2", 2);
  submit(1, "any");
  const std::uint64_t first = count(1) > 0 ? 1 : 2;
  const std::uint64_t second = 3 - first;
  answer_error("pve" + std::to_string(first), first, Code::refused);
  ASSERT_EQ(count(second), 1U);
  EXPECT_THAT(post_.clients[kClient], IsEmpty());
  answer("pve" + std::to_string(second), second, "job.accepted", json::Object{{"id", "job-1"}});
  EXPECT_EQ(told().header.kind, "job.accepted");
  EXPECT_EQ(told().member("node"), "pve" + std::to_string(second));
}

TEST_F(DispatcherTest, WhenAllNodesRefuseAJobEachSaysWhy) {
  hello("pve1", 1);
  hello("pve2", 2);
  submit(1, "any");
  const std::uint64_t first = count(1) > 0 ? 1 : 2;
  answer_error("pve" + std::to_string(first), first, Code::refused);
  answer_error("pve" + std::to_string(3 - first), 3 - first, Code::unavailable);
  EXPECT_EQ(told().header.kind, "error");
  EXPECT_THAT(std::string(told().body.at("message").string_or("")),
              testing::AllOf(HasSubstr("pve1: no"), HasSubstr("pve2: no")));
}

TEST_F(DispatcherTest, AFaultyJobIsAskedOfNoOther) {
  hello("pve1", 1);
  hello("pve2", 2);
  submit(1, "any");
  const std::uint64_t first = count(1) > 0 ? 1 : 2;
  answer_error("pve" + std::to_string(first), first, Code::invalid);
  EXPECT_EQ(told().body.at("code").string_or(""), "invalid");
  EXPECT_EQ(count(3 - first), 0U);
}

TEST_F(DispatcherTest, AJobThatIsSentAgainComesToTheNodeThatHasIt) {
  hello("pve1", 1);
  hello("pve2", 2);
  hello("pve3", 3, {}, {}, {{"job-1", "running"}});
  submit(1, "any");
  EXPECT_EQ(count(3), 1U);
  EXPECT_EQ(count(1) + count(2), 0U);
}

TEST_F(DispatcherTest, AJobWhoseNodeIsDeadIsNotBegunElsewhere) {
  hello("pve1", 1, {}, {}, {{"job-1", "running"}});
  hello("pve2", 2);
  for (int i = 0; i < 6; ++i) {
    beat("pve2", 2);
    pass(1);
  }
  submit(1, "any");
  EXPECT_EQ(told().body.at("code").string_or(""), "unavailable");
  EXPECT_EQ(count(2), 0U);
}

TEST_F(DispatcherTest, AnAgentThatDoesNotReadIsPassedOver) {
  hello("pve1", 1);
  hello("pve2", 2);
  post_.deaf = {1};
  for (const char* id : {"a", "b", "c", "d"}) {
    submit(1, "any", id);
  }
  EXPECT_EQ(count(2), 4U);
}

TEST_F(DispatcherTest, AJobForSeveralNodesIsAnsweredByEach) {
  hello("pve1", 1, {{"role", "web"}});
  hello("pve2", 2);
  hello("pve3", 3, {{"role", "web"}});
  submit(4, "role=web");
  EXPECT_EQ(told().header.kind, "job.sent");
  EXPECT_EQ(told().body.at("nodes"), json::Value(json::Array{"pve1", "pve3"}));
  EXPECT_EQ(count(2), 0U);
  answer("pve3", 3, "job.accepted", json::Object());
  EXPECT_EQ(told().member("node"), "pve3");
  answer("pve1", 1, "job.accepted", json::Object());
  EXPECT_EQ(told().member("node"), "pve1");
  pass(1);
  EXPECT_EQ(post_.clients[kClient].size(), 3U);
}

TEST_F(DispatcherTest, OfANodeThatDoesNotAnswerAQueryIsToldSo) {
  hello("pve1", 1);
  hello("pve2", 2);
  ask("query.containers", 4, {}, json::Object());
  answer("pve1", 1, "answer", json::Object());
  for (int i = 0; i < 6; ++i) {
    beat("pve1", 1);
    beat("pve2", 2);
    pass(1);
  }
  EXPECT_EQ(told().header.kind, "error");
  EXPECT_EQ(told().member("node"), "pve2");
  EXPECT_EQ(post_.clients[kClient].size(), 3U);
}

TEST_F(DispatcherTest, NamesThatAreNobodysAreTold) {
  hello("pve1", 1);
  submit(1, "pve1,pve7");
  EXPECT_EQ(told().body.at("unknown"), json::Value(json::Array{"pve7"}));
  submit(2, "pve7");
  EXPECT_EQ(told().body.at("code").string_or(""), "not_found");
  ask("job.submit", 3, {}, json::Object());
  EXPECT_THAT(std::string(told().body.at("message").string_or("")), HasSubstr("\"to\""));
}

TEST_F(DispatcherTest, WhoMayOnlyObserveSubmitsNothing) {
  hello("pve1", 1);
  ask("job.submit", 1, {{"to", "pve1"}}, json::Object(), KeyRole::observe);
  EXPECT_EQ(told().body.at("code").string_or(""), "refused");
  ask("dispatch.forget", 2, {}, json::Object{{"node", "pve1"}}, KeyRole::submit);
  EXPECT_EQ(told().body.at("code").string_or(""), "refused");
  EXPECT_EQ(count(1), 0U);
}

TEST_F(DispatcherTest, NodesComeInPages) {
  for (int i = 1; i <= 5; ++i) {
    hello("pve" + std::to_string(i), static_cast<std::uint64_t>(i));
  }
  const json::Value page = own("dispatch.nodes", {{"most", 3}});
  EXPECT_EQ(page.at("nodes").array()->size(), 3U);
  EXPECT_FALSE(page.at("whole").boolean_or(true));
  EXPECT_EQ(page.at("count").integer_or(0), 5);
  const json::Value rest = own("dispatch.nodes", {{"after", "pve3"}});
  EXPECT_EQ(rest.at("nodes").array()->size(), 2U);
  EXPECT_TRUE(rest.at("whole").boolean_or(false));
}

TEST_F(DispatcherTest, APlanSaysWhyANodeDoesNotFit) {
  hello("pve1", 1);
  const json::Value told =
      own("dispatch.plan", {{"job", "j"}, {"needs", json::Object{{"cpus", 8}}}});
  EXPECT_TRUE(told.at("chosen").is_null());
  EXPECT_FALSE(told.at("nodes").array()->front().at("why_not").array()->empty());
}

TEST_F(DispatcherTest, WhatNobodyKnowsIsInvalid) {
  ask("dispatch.dance", 1, {}, json::Object());
  EXPECT_EQ(told().body.at("code").string_or(""), "invalid");
  ask("dance", 2, {{"to", "all"}}, json::Object());
  EXPECT_EQ(told().body.at("code").string_or(""), "invalid");
}

}  // namespace
}  // namespace drover::dispatch
