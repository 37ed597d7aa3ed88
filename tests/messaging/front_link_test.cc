// drover-front and a dispatcher: a ROUTER with CURVE in its place, the test in droverd's.
#include <unistd.h>

#include <deque>

#include "fakes/new_key.h"
#include "front_fixture.h"
#include "messaging/envelope.h"
#include "messaging/front_keys.h"

namespace drover::messaging {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint16_t kAgents = 7130;

class FrontLinkTest : public FrontTest {
 protected:
  void SetUp() override {
    FrontTest::SetUp();
    allow("d1", d1_, KeyRole::dispatch);
    allow("alice", fakes::new_key(), KeyRole::submit);
    allow("watcher", fakes::new_key(), KeyRole::observe);
    listen();
    tell_keys();
  }

  void allow(std::string_view name, const KeyPair& pair, KeyRole role) {
    ASSERT_TRUE(allowed_.add(
        AllowedKey{KeyName::parse(name).value(), pair.public_key, {role}, {}, {}, {}}));
  }
  void tell_keys() {
    FrontKeys keys{"", 7117, 7217, server_, {}, allowed_};
    keys.servers = {{address_, kAgents, "d1"}};
    tell(write_front_keys(keys));
  }
  void revoke(std::string_view name) {
    ASSERT_TRUE(allowed_.remove(name));
    tell_keys();
  }
  /// The dispatcher's socket. Where one was before libzmq closes it in its own time.
  void listen(int most_waiting = 1000) {
    router_ = zmq::socket_t();
    for (int tries = 0;; ++tries) {
      zmq::socket_t router(context_, zmq::socket_type::router);
      router.set(zmq::sockopt::linger, 0);
      router.set(zmq::sockopt::rcvtimeo, static_cast<int>(kLong.count()));
      router.set(zmq::sockopt::rcvhwm, most_waiting);
      router.set(zmq::sockopt::curve_server, true);
      router.set(zmq::sockopt::curve_secretkey, std::string(d1_.secret_key.text()));
      try {
        router.bind(fmt::format("tcp://{}:{}", address_, kAgents));
      } catch (const zmq::error_t&) {
        ASSERT_LT(tries, 20'000);
        continue;
      }
      router_ = std::move(router);
      return;
    }
  }

  /// The next thing that comes to droverd.
  Record next() {
    while (come_.empty()) {
      const std::vector<Record> records = this->records();
      if (records.empty()) {
        throw std::runtime_error("droverd hears nothing");
      }
      come_.insert(come_.end(), records.begin(), records.end());
    }
    Record record = std::move(come_.front());
    come_.pop_front();
    return record;
  }
  Record next(std::string_view kind) {
    Record record = next();
    EXPECT_EQ(text_in(record, "kind"), kind);
    return record;
  }
  static std::string text_in(const Record& record, std::string_view member) {
    return std::string(json::Value(record.header).at(member).string_or(""));
  }
  static std::int64_t number_in(const Record& record, std::string_view member) {
    return json::Value(record.header).at(member).integer_or(-1);
  }
  /// As droverd does it: a link that is up hears first what there is.
  void greet() {
    const std::int64_t link = number_in(next("link.up"), "link");
    tell({{{"kind", "node.hello"}, {"link", link}, {"part", 0}}, "{\"all\":1}", ""});
    EXPECT_EQ(heard().header.kind, "node.hello");
  }

  struct Heard {
    Envelope envelope;
    Header header;
    std::string body;
    std::string data;
  };
  /// What the dispatcher hears next.
  Heard heard() {
    std::vector<std::string> frames;
    zmq::message_t frame;
    do {
      if (!router_.recv(frame)) {
        throw std::runtime_error("the dispatcher hears nothing");
      }
      frames.push_back(frame.to_string());
    } while (frame.more());
    agent_ = frames.at(0);
    return {read_envelope(frames.at(1)).value(), read_header(frames.at(2)).value(), frames.at(3),
            frames.size() > 4 ? frames.at(4) : ""};
  }
  void say(std::vector<std::string> frames) {
    frames.insert(frames.begin(), agent_);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      router_.send(zmq::buffer(frames[i]),
                   i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  void ask(const Envelope& envelope, std::string_view kind, const std::string& body) {
    say({write_envelope(envelope), write_header(kind, 5), body});
  }
  /// The code with which the node itself answers, and its message.
  Error refusal(const Envelope& envelope, std::string_view kind, const std::string& body) {
    ask(envelope, kind, body);
    const Heard got = heard();
    EXPECT_EQ(got.header.kind, "error") << got.body;
    EXPECT_EQ(got.header.rq, 5U);
    EXPECT_EQ(got.envelope, (Envelope{envelope.client, "", {}}));
    return read_error(got.body);
  }
  std::int64_t peer_of_request(const Envelope& envelope, std::string_view kind) {
    ask(envelope, kind, kind == "job.submit" ? job("a") : "{}");
    return number_in(next(kind), "peer");
  }

  std::string address_ = fmt::format("127.{}.{}.{}", 100 + (getpid() >> 16) % 100,
                                     (getpid() >> 8) & 255, 1 + (getpid() & 255) % 254);
  KeyPair server_ = fakes::new_key();
  KeyPair d1_ = fakes::new_key();
  AllowList allowed_;
  zmq::socket_t router_;
  std::string agent_;  // the front's routing id there
  std::deque<Record> come_;
};

TEST_F(FrontLinkTest, ADispatcherHearsFirstWhatThereIsAndThenWhatBecomesOfIt) {
  const std::int64_t link = number_in(next("link.up"), "link");
  // What was before stands in the node.hello.
  tell({{{"kind", "event"}, {"topic", "pve1.job.a."}}, "{\"seq\":1}", ""});
  tell({{{"kind", "node.beat"}}, "{\"seq\":1}", ""});
  tell({{{"kind", "node.hello"}, {"link", link}, {"part", 0}, {"more", true}}, "{\"a\":", ""});
  tell({{{"kind", "node.hello"}, {"link", link}, {"part", 1}}, "1}", ""});
  tell({{{"kind", "event"}, {"topic", "pve1.job.b."}}, "{\"seq\":2}", ""});
  tell({{{"kind", "node.beat"}}, "{\"seq\":2}", ""});
  const Heard first = heard();
  EXPECT_EQ(first.envelope, Envelope{});
  EXPECT_EQ(first.header.kind, "node.hello");
  EXPECT_EQ(first.header.rq, 0U);
  EXPECT_EQ(first.header.all.find("link"), nullptr);
  EXPECT_EQ(first.header.all.find("part")->integer_or(-1), 0);
  EXPECT_TRUE(first.header.all.find("more")->boolean_or(false));
  EXPECT_EQ(first.body, "{\"a\":");
  const Heard rest = heard();
  EXPECT_EQ(rest.header.all.find("more"), nullptr);
  EXPECT_EQ(rest.body, "1}");
  const Heard event = heard();
  EXPECT_EQ(event.envelope, Envelope{});
  EXPECT_EQ(event.header.kind, "event");
  EXPECT_EQ(event.header.all.find("topic")->string_or(""), "pve1.job.b.");
  EXPECT_EQ(event.body, "{\"seq\":2}");
  const Heard beat = heard();
  EXPECT_EQ(beat.header.kind, "node.beat");
  EXPECT_EQ(beat.body, "{\"seq\":2}");
}

TEST_F(FrontLinkTest, OneHelloAtATimeIsAskedFor) {
  greet();
  ask({}, "hello.please", "{}");
  ask({}, "hello.please", "{}");
  ask({}, "node.dance", "{}");
  next("hello.please");
  peer_of_request({1, "alice", KeyRole::submit}, "query.jobs");
  EXPECT_TRUE(come_.empty());
}

TEST_F(FrontLinkTest, AfterADispatcherWasAwayItIsConnectedToAgain) {
  greet();
  const std::int64_t peer = peer_of_request({7, "alice", KeyRole::submit}, "stream.open");
  listen();
  EXPECT_EQ(number_in(next("peer.gone"), "peer"), peer);
  next("link.down");
  greet();
  EXPECT_NE(peer_of_request({7, "alice", KeyRole::submit}, "stream.open"), peer);
}

TEST_F(FrontLinkTest, ARequestSaysWhoItIsForAndByWhomItComes) {
  greet();
  ask({7, "alice", KeyRole::admin}, "job.submit", job("a"));
  const Record record = next("job.submit");
  EXPECT_EQ(text_in(record, "key"), "alice");
  EXPECT_EQ(text_in(record, "for"), "alice");
  EXPECT_EQ(text_in(record, "via"), "d1");
  EXPECT_EQ(text_in(record, "within"), "admin");
  EXPECT_EQ(text_in(record, "role"), "admin");
  EXPECT_EQ(number_in(record, "rq"), 5);
  EXPECT_EQ(record.body, job("a"));
  tell({{{"kind", "job.accepted"}, {"peer", number_in(record, "peer")}, {"rq", 5}}, "{}", ""});
  const Heard answer = heard();
  EXPECT_EQ(answer.envelope, (Envelope{7, "", {}}));
  EXPECT_EQ(answer.header.kind, "job.accepted");
  EXPECT_EQ(answer.header.rq, 5U);
}

TEST_F(FrontLinkTest, NobodyMayMoreThanThisNodeAllowsAndThanTheDispatcherSays) {
  greet();
  const Error stranger = refusal({1, "mallory", KeyRole::admin}, "query.jobs", "{}");
  EXPECT_EQ(stranger.code, Code::refused);
  EXPECT_THAT(stranger.message, HasSubstr("drover keys allow"));
  EXPECT_EQ(refusal({2, "watcher", KeyRole::admin}, "job.submit", job("a")).code, Code::refused);
  EXPECT_EQ(refusal({3, "alice", KeyRole::observe}, "job.submit", job("a")).code, Code::refused);
  EXPECT_EQ(refusal({4, "", KeyRole::admin}, "query.jobs", "{}").code, Code::refused)
      << "of its own it may nothing";
  EXPECT_EQ(refusal({5, "alice", {}}, "query.jobs", "{}").code, Code::invalid);
  peer_of_request({3, "alice", KeyRole::observe}, "query.jobs");
}

TEST_F(FrontLinkTest, TheFormIsHeldAgainstWhatAnyClientIs) {
  greet();
  const Envelope alice{1, "alice", KeyRole::submit};
  EXPECT_EQ(refusal(alice, "job.submit", R"({"id":"a"})").code, Code::invalid);
  EXPECT_EQ(refusal(alice, "front.keys", "{}").code, Code::invalid);
  EXPECT_EQ(refusal(alice, "query.jobs", std::string(kMostBody + 1, ' ')).code, Code::invalid);
  // Nobody can be told.
  say({"no envelope"});
  say({"no envelope", "{}", "{}"});
  say({write_envelope(alice)});
  peer_of_request(alice, "job.submit");
}

TEST_F(FrontLinkTest, AStreamGoesThroughUntilItsClientIsGone) {
  greet();
  const std::int64_t peer = peer_of_request({7, "watcher", KeyRole::observe}, "stream.open");
  const std::int64_t other = peer_of_request({8, "alice", KeyRole::observe}, "stream.open");
  tell({{{"kind", "stream.data"}, {"peer", peer}, {"rq", 5}, {"offset", 42}}, "{}", "bytes"});
  const Heard data = heard();
  EXPECT_EQ(data.envelope, (Envelope{7, "", {}}));
  EXPECT_EQ(data.header.all.find("offset")->integer_or(0), 42);
  EXPECT_EQ(data.data, "bytes");
  ask({7, "watcher", KeyRole::observe}, "stream.credit", R"({"bytes":7})");
  EXPECT_EQ(number_in(next("stream.credit"), "peer"), peer);
  say({write_envelope({8, "alice", KeyRole::submit}),
       write_header("input.data", 5, {{"offset", 9}}), "{}", "typed"});
  const Record typed = next("input.data");
  EXPECT_EQ(typed.data, "typed");
  EXPECT_EQ(number_in(typed, "offset"), 9);

  ask({7, "", {}}, "peer.gone", "{}");
  EXPECT_EQ(number_in(next("peer.gone"), "peer"), peer);
  tell({{{"kind", "stream.data"}, {"peer", peer}, {"rq", 5}}, "{}", "to nobody"});
  tell({{{"kind", "stream.data"}, {"peer", other}, {"rq", 5}}, "{}", "to alice"});
  EXPECT_EQ(heard().data, "to alice");
}

TEST_F(FrontLinkTest, WhoseKeyIsRevokedHearsNothingMoreByADispatcher) {
  greet();
  const std::int64_t peer = peer_of_request({7, "alice", KeyRole::submit}, "stream.open");
  const std::int64_t other = peer_of_request({8, "watcher", KeyRole::observe}, "stream.open");
  revoke("alice");
  EXPECT_EQ(number_in(next("peer.gone"), "peer"), peer);
  tell({{{"kind", "stream.data"}, {"peer", peer}, {"rq", 5}}, "{}", "secret"});
  tell({{{"kind", "stream.data"}, {"peer", other}, {"rq", 5}}, "{}", "log"});
  EXPECT_EQ(heard().data, "log");
  EXPECT_EQ(refusal({7, "alice", KeyRole::submit}, "stream.credit", "{}").code, Code::refused);
}

TEST_F(FrontLinkTest, ADispatcherWhoseKeyIsRevokedIsCutOffAtOnceAndMayComeAgain) {
  greet();
  const std::int64_t peer = peer_of_request({7, "alice", KeyRole::submit}, "stream.open");
  revoke("d1");
  next("link.down");
  EXPECT_EQ(number_in(next("peer.gone"), "peer"), peer);
  // Allowed, but as a client of the node's own.
  allow("d1", d1_, KeyRole::admin);
  tell_keys();
  ASSERT_TRUE(allowed_.remove("d1"));
  allow("d1", d1_, KeyRole::dispatch);
  tell_keys();
  greet();
  peer_of_request({7, "alice", KeyRole::submit}, "stream.open");
}

TEST_F(FrontLinkTest, WithAnotherKeyOfTheNodesItConnectsAnew) {
  greet();
  server_ = fakes::new_key();
  tell_keys();
  next("link.down");
  greet();
}

TEST_F(FrontLinkTest, ADispatcherThatDoesNotReadHarmsNobody) {
  greet();
  listen(1);
  next("link.down");
  greet();
  constexpr int kEvents = 5000;
  const std::string body = "\"" + std::string(10'000, 'e') + "\"";
  for (int i = 0; i < kEvents; ++i) {
    ASSERT_TRUE(core_->send({{{"kind", "event"}, {"topic", "pve1."}}, body, ""}));
  }
  while (!core_->all_sent()) {
    pollfd ready{core_->fd(), POLLOUT, 0};
    ASSERT_EQ(poll(&ready, 1, static_cast<int>(kLong.count())), 1);
    ASSERT_TRUE(core_->flush());
  }
  Client local = client("query.sock");
  local.ask("query.jobs", "{}");
  const std::int64_t peer = number_in(next("query.jobs"), "peer");
  tell({{{"kind", "answer"}, {"peer", peer}, {"rq", 1}}, "{\"a\":1}", ""});
  EXPECT_EQ(local.answer().body, "{\"a\":1}");
  // What waited, and the beat that finds room again; the others were dropped.
  int count = 0;
  router_.set(zmq::sockopt::rcvtimeo, 200);
  for (bool beat = false; !beat;) {
    tell({{{"kind", "node.beat"}}, "{}", ""});
    zmq::message_t frame;
    while (!beat && router_.recv(frame)) {
      beat = !frame.more() && frame.to_string() == "{}";
      count += !frame.more() && !beat ? 1 : 0;
    }
  }
  EXPECT_LT(count, kEvents);
  EXPECT_GT(count, 0);
  EXPECT_TRUE(come_.empty());
}

}  // namespace
}  // namespace drover::messaging
