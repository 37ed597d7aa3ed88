#include "messaging/dispatch/daemon/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/core/event.h"

namespace drover::dispatch {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Read {
  messaging::Header header;
  json::Value body;
  std::string data;
  std::string member(std::string_view key) const {
    const json::Value* found = header.all.find(key);
    return std::string(found == nullptr ? "" : found->string_or(""));
  }
};

struct Asked {
  messaging::Envelope envelope;
  Read letter;
};

/// Keeps what was sent, as those would who read it.
class Mailbox : public Post {
 public:
  void to_client(std::uint64_t client, Letter letter) override {
    clients[client].push_back(read(letter));
  }
  bool to_agent(std::uint64_t connection, const messaging::Envelope& envelope,
                Letter letter) override {
    if (deaf.contains(connection)) {
      return false;
    }
    agents[connection].push_back({envelope, read(letter)});
    return true;
  }
  void publish(const std::string& topic, const std::string&) override { topics.push_back(topic); }

  std::map<std::uint64_t, std::vector<Read>> clients;
  std::map<std::uint64_t, std::vector<Asked>> agents;
  std::set<std::uint64_t> deaf;  ///< connections that do not read
  std::vector<std::string> topics;

 private:
  static Read read(const Letter& letter) {
    return {messaging::read_header(letter.header).value(), json::parse(letter.body).value(),
            letter.data};
  }
};

PublicKey some_key() {
  return PublicKey::parse("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID").value();
}

class DispatcherTest : public testing::Test {
 protected:
  static AllowedKey key(const std::string& name, std::vector<std::string> names = {}) {
    return {KeyName::parse(name).value(), some_key(), {KeyRole::agent}, {}, std::move(names), {}};
  }
  void say(std::uint64_t connection, const std::string& name, std::string_view kind,
           const json::Value& body, const json::Object& more = {}) {
    const std::string header = messaging::write_header(kind, 0, more);
    dispatcher_.said(connection, key(name), {}, messaging::read_header(header).value(),
                     json::write(body), {}, now_);
  }
  /// A node's agent has connected, with two CPUs.
  void hello(const std::string& node, std::uint64_t connection, Labels labels = {},
             std::vector<ContainerFacts> containers = {}, std::vector<JobFacts> jobs = {}) {
    NodeFacts facts;
    facts.name = node;
    facts.labels = std::move(labels);
    facts.total = {2000, 4096, 0};
    facts.runtimes = {"crun"};
    facts.containers = std::move(containers);
    say(connection, node, messaging::kNodeHello,
        to_json(Hello{{node, node, "e1"}, 1, std::move(facts), std::move(jobs)}));
  }
  void beat(const std::string& node, std::uint64_t connection, std::uint64_t seq = 1) {
    say(connection, node, messaging::kNodeBeat,
        to_json(Heartbeat{{node, node, "e1"}, seq, {}, false, true}));
  }
  void tell(const std::string& node, std::uint64_t connection, std::uint64_t seq, std::string kind,
            std::string object, std::string what, json::Object data = {}) {
    const Event event{
        "e1",           seq, 1, 1, 5, std::move(kind), std::move(object), std::move(what), "",
        std::move(data)};
    say(connection, node, messaging::kEvent, to_cloud_event(event, node),
        {{"topic", topic_of(event, node)}});
  }
  void ask(std::string_view kind, std::uint64_t rq, const json::Object& more,
           const json::Value& body, KeyRole role = KeyRole::admin, std::string data = "") {
    const std::string header = messaging::write_header(kind, rq, more);
    dispatcher_.asked({kClient, "alice", role}, messaging::read_header(header).value(),
                      json::write(body), std::move(data), now_);
  }
  void submit(std::uint64_t rq, std::string_view to, const std::string& id = "job-1") {
    ask("job.submit", rq, {{"to", to}},
        json::Object{{"id", id}, {"verb", "container.stop"}, {"target", "web"}});
  }
  /// The last request that came by the connection is answered so.
  void answer(const std::string& node, std::uint64_t connection, std::string_view kind,
              const json::Value& body) {
    const Asked& last = post_.agents[connection].back();
    const std::string header = messaging::write_header(kind, last.letter.header.rq);
    dispatcher_.said(connection, key(node), {last.envelope.client, "", {}},
                     messaging::read_header(header).value(), json::write(body), {}, now_);
  }
  void answer_error(const std::string& node, std::uint64_t connection, Code code) {
    answer(node, connection, "error",
           json::parse(messaging::write_error({code, "no", {}})).value());
  }
  std::size_t count(std::uint64_t connection) { return post_.agents[connection].size(); }
  const Read& told() { return post_.clients[kClient].back(); }
  json::Value own(std::string_view kind, const json::Object& body) {
    ask(kind, 99, {}, body);
    return told().body;
  }
  /// Seconds of silence, of all but those who beat.
  void pass(int number) {
    for (int i = 0; i < number; ++i) {
      now_ += seconds(1);
      dispatcher_.tick(now_);
    }
  }

  static constexpr std::uint64_t kClient = 7;
  Mailbox post_;
  Moment now_ = Moment() + seconds(1000);
  Dispatcher dispatcher_{"d1", post_, [] { return std::int64_t{1'700'000'000'000}; }};
};

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

TEST_F(DispatcherTest, AnAgentSpeaksForItsOwnNodeOnly) {
  NodeFacts facts;
  facts.name = "pve2";
  say(1, "pve1", messaging::kNodeHello, to_json(Hello{{"pve2", "", "e1"}, 1, facts, {}}));
  EXPECT_THAT(*own("dispatch.nodes", {}).at("nodes").array(), IsEmpty());
  hello("pve1", 1);
  tell("pve2", 1, 2, "container", "web", "running");
  EXPECT_THAT(post_.topics, ElementsAre("d1.node.pve1."));
}

TEST_F(DispatcherTest, AKeyWithPatternsSpeaksForTheirNodes) {
  EXPECT_TRUE(speaks_for(key("rack", {"pve*"}), "pve9"));
  EXPECT_FALSE(speaks_for(key("rack", {"pve*"}), "rack"));
}

TEST_F(DispatcherTest, EventsArePublishedAndTellWhereThingsAre) {
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

TEST_F(DispatcherTest, WhenAnEventIsMissingTheAgentIsAskedForAllOnceASecond) {
  hello("pve1", 1);
  tell("pve1", 1, 5, "container", "web", "running");
  tell("pve1", 1, 6, "container", "web", "stopped");
  ASSERT_EQ(count(1), 1U);
  EXPECT_EQ(post_.agents[1].front().letter.header.kind, messaging::kHelloPlease);
  now_ += seconds(1);
  tell("pve1", 1, 7, "container", "web", "gone");
  EXPECT_EQ(count(1), 2U);
}

TEST_F(DispatcherTest, OneThatIsNotKnownYetIsAskedWhoItIs) {
  beat("pve1", 1);
  ASSERT_EQ(count(1), 1U);
  EXPECT_EQ(post_.agents[1].front().letter.header.kind, messaging::kHelloPlease);
}

TEST_F(DispatcherTest, AHelloMayComeInPieces) {
  NodeFacts facts;
  facts.name = "pve1";
  const std::string whole = json::write(to_json(Hello{{"pve1", "", "e1"}, 1, facts, {}}));
  const auto piece = [&](std::int64_t part, bool more, const std::string& text) {
    json::Object members{{"part", part}};
    if (more) {
      members.set("more", true);
    }
    const std::string header = messaging::write_header(messaging::kNodeHello, 0, members);
    dispatcher_.said(1, key("pve1"), {}, messaging::read_header(header).value(), text, {}, now_);
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

TEST_F(DispatcherTest, AHelloWithoutAnEndIsGivenUp) {
  for (std::int64_t part = 0; part < 40; ++part) {
    const std::string header =
        messaging::write_header(messaging::kNodeHello, 0, {{"part", part}, {"more", true}});
    dispatcher_.said(1, key("pve1"), {}, messaging::read_header(header).value(),
                     std::string(256 << 10, ' '), {}, now_);
  }
  ASSERT_EQ(count(1), 1U);  // what comes behind 8 MiB is out of turn
  EXPECT_EQ(post_.agents[1].front().letter.header.kind, messaging::kHelloPlease);
}

TEST_F(DispatcherTest, WhatIsOnADeadNodeIsUnreachableUntilItIsBack) {
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

TEST_F(DispatcherTest, ANodeThatIsGoneForGoodIsForgottenByOrder) {
  hello("pve1", 1);
  EXPECT_EQ(own("dispatch.forget", {{"node", "pve1"}}).at("code").string_or(""), "conflict");
  pass(6);
  own("dispatch.forget", {{"node", "pve1"}});
  EXPECT_EQ(told().header.kind, "answer");
  EXPECT_EQ(own("dispatch.nodes", {}).at("count").integer_or(-1), 0);
}

TEST_F(DispatcherTest, WhatNobodyKnowsIsInvalid) {
  ask("dispatch.dance", 1, {}, json::Object());
  EXPECT_EQ(told().body.at("code").string_or(""), "invalid");
  ask("dance", 2, {{"to", "all"}}, json::Object());
  EXPECT_EQ(told().body.at("code").string_or(""), "invalid");
}

}  // namespace
}  // namespace drover::dispatch
