#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "some_dispatcher.h"

namespace drover::dispatch {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

using AgentLinksTest = DispatcherTest;

TEST_F(AgentLinksTest, AnAgentSpeaksForItsOwnNodeOnly) {
  NodeFacts facts;
  facts.name = "pve2";
  say(1, "pve1", messaging::kNodeHello, to_json(Hello{{"pve2", "", "e1"}, 1, facts, {}}));
  EXPECT_THAT(*own("dispatch.nodes", {}).at("nodes").array(), IsEmpty());
  hello("pve1", 1);
  tell("pve2", 1, 2, "container", "web", "running");
  EXPECT_THAT(post_.topics, ElementsAre("d1.node.pve1."));
}

TEST_F(AgentLinksTest, AKeyWithPatternsSpeaksForTheirNodes) {
  EXPECT_TRUE(speaks_for(key("rack", {"pve*"}), "pve9"));
  EXPECT_FALSE(speaks_for(key("rack", {"pve*"}), "rack"));
}

TEST_F(AgentLinksTest, EventsArePublishedAndTellWhereThingsAre) {
  hello("pve1", 1);
  tell("pve1", 1, 2, "container", "web", "running", {{"labels", json::Object{{"a", "b"}}}});
  tell("pve1", 1, 3, "image", "x", "pulled");
  tell("pve1", 1, 4, "job", "job-9", "started", {{"target", "web"}, {"verb", "container.run"}});
  EXPECT_THAT(post_.topics, ElementsAre("d1.node.pve1.", "pve1.container.web.", "pve1.image.x.",
                                        "pve1.job.job-9."));
  const json::Value place = own("dispatch.where", {{"id", "web"}}).at("places").array()->front();
  EXPECT_EQ(place.at("node").string_or(""), "pve1");
  EXPECT_EQ(place.at("state").string_or(""), "running");
  EXPECT_EQ(own("dispatch.where", {{"id", "job-9"}}).at("places").array()->size(), 1U);
  const json::Value rows = own("dispatch.containers", {});
  EXPECT_EQ(rows.at("containers").array()->front().at("labels").at("a").string_or(""), "b");
}

TEST_F(AgentLinksTest, WhenAnEventIsMissingTheAgentIsAskedForAllOnceASecond) {
  hello("pve1", 1);
  tell("pve1", 1, 5, "container", "web", "running");
  tell("pve1", 1, 6, "container", "web", "stopped");
  ASSERT_EQ(count(1), 1U);
  EXPECT_EQ(post_.agents[1].front().letter.header.kind, messaging::kHelloPlease);
  now_ += seconds(1);
  tell("pve1", 1, 7, "container", "web", "gone");
  EXPECT_EQ(count(1), 2U);
}

TEST_F(AgentLinksTest, OneThatIsNotKnownYetIsAskedWhoItIs) {
  beat("pve1", 1);
  ASSERT_EQ(count(1), 1U);
  EXPECT_EQ(post_.agents[1].front().letter.header.kind, messaging::kHelloPlease);
}

TEST_F(AgentLinksTest, AHelloMayComeInPieces) {
  NodeFacts facts;
  facts.name = "pve1";
  const std::string whole = json::write(to_json(Hello{{"pve1", "", "e1"}, 1, facts, {}}));
  const auto piece = [&](std::int64_t part, bool more, const std::string& text) {
    json::Object members{{"part", part}};
    if (more) {
      members.set("more", true);
    }
    const std::string header = messaging::write_header(messaging::kNodeHello, 0, members);
    dispatcher_->said(1, key("pve1"), {}, messaging::read_header(header).value(), text, {}, now_);
  };
  piece(0, true, whole.substr(0, 10));
  piece(2, false, whole.substr(10));  // one is missing
  EXPECT_EQ(own("dispatch.nodes", {}).at("count").integer_or(-1), 0);
  ASSERT_EQ(count(1), 1U);
  EXPECT_EQ(post_.agents[1].front().letter.header.kind, messaging::kHelloPlease);
  piece(0, true, whole.substr(0, 10));
  piece(1, true, whole.substr(10, 5));
  piece(2, false, whole.substr(15));
  EXPECT_EQ(own("dispatch.nodes", {}).at("count").integer_or(-1), 1);
}

TEST_F(AgentLinksTest, AHelloWithoutAnEndIsGivenUp) {
  for (std::int64_t part = 0; part < 40; ++part) {
    const std::string header =
        messaging::write_header(messaging::kNodeHello, 0, {{"part", part}, {"more", true}});
    dispatcher_->said(1, key("pve1"), {}, messaging::read_header(header).value(),
                      std::string(256 << 10, ' '), {}, now_);
  }
  ASSERT_EQ(count(1), 1U);  // what comes behind 8 MiB is out of turn
  EXPECT_EQ(post_.agents[1].front().letter.header.kind, messaging::kHelloPlease);
}

TEST_F(AgentLinksTest, WhatIsOnADeadNodeIsUnreachableUntilItIsBack) {
  hello("pve1", 1, {}, {{"web", {}, "running"}});
  ask("query.node", 5, {{"to", "all"}}, json::Object());
  pass(6);
  EXPECT_EQ(told().member("node"), "pve1");
  EXPECT_EQ(told().body.at("code").string_or(""), "unavailable");
  EXPECT_TRUE(own("dispatch.containers", {})
                  .at("containers")
                  .array()
                  ->front()
                  .at("unreachable")
                  .boolean_or(false));
  EXPECT_EQ(own("dispatch.nodes", {}).at("alive").integer_or(-1), 0);
  submit(6, "pve1");
  EXPECT_EQ(told().body.at("code").string_or(""), "unavailable");
  hello("pve1", 2, {}, {{"web", {}, "running"}});
  EXPECT_EQ(own("dispatch.nodes", {}).at("alive").integer_or(-1), 1);
  submit(7, "pve1");
  EXPECT_EQ(count(2), 1U);  // by the new connection
}

TEST_F(AgentLinksTest, ANodeThatIsGoneForGoodIsForgottenByOrder) {
  hello("pve1", 1);
  EXPECT_EQ(own("dispatch.forget", {{"node", "pve1"}}).at("code").string_or(""), "conflict");
  pass(6);
  own("dispatch.forget", {{"node", "pve1"}});
  EXPECT_EQ(told().header.kind, "answer");
  EXPECT_EQ(own("dispatch.nodes", {}).at("count").integer_or(-1), 0);
}

}  // namespace
}  // namespace drover::dispatch
