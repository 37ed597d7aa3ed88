// drover-front over tcp: keys, roles, and what becomes of those who are allowed no more.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "fakes/new_key.h"
#include "fakes/raw_zmtp_peer.h"
#include "front_fixture.h"
#include "messaging/front/doors.h"
#include "messaging/front_keys.h"

namespace drover::messaging {
namespace {

using fakes::new_key;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::uint16_t kPort = 7117;
constexpr std::uint16_t kNextPort = 7217;
/// How long an attempt to come in may take that shall fail.
constexpr int kHandshakeMs = 500;

class FrontTcpTest : public FrontTest {
 protected:
  void SetUp() override {
    FrontTest::SetUp();
    allow("observer", observer_, KeyRole::observe);
    allow("submitter", submitter_, KeyRole::submit);
    allow("admin", admin_, KeyRole::admin);
    allow("dispatcher", dispatcher_, KeyRole::dispatch);
    tell_keys();
  }

  void allow(std::string_view name, const KeyPair& pair, KeyRole role, std::int64_t most_kib = 0) {
    ASSERT_TRUE(allowed_.add(AllowedKey{
        KeyName::parse(name).value(), pair.public_key, {role}, {0, 0, most_kib}, {}, {}}));
  }
  void tell_keys() {
    tell(write_front_keys({address_, kPort, kNextPort, server_, next_, allowed_}));
  }
  void revoke(std::string_view name) {
    ASSERT_TRUE(allowed_.remove(name));
    tell_keys();
  }

  std::string address_of(Service service, std::uint16_t port = kPort) const {
    return fmt::format("tcp://{}:{}", address_, port + static_cast<int>(service));
  }
  zmq::socket_t socket_with(const KeyPair& pair, const PublicKey& server,
                            zmq::socket_type type = zmq::socket_type::dealer) {
    zmq::socket_t socket(context_, type);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::reconnect_ivl, 10);
    socket.set(zmq::sockopt::curve_serverkey, server.str());
    socket.set(zmq::sockopt::curve_publickey, pair.public_key.str());
    socket.set(zmq::sockopt::curve_secretkey, std::string(pair.secret_key.text()));
    return socket;
  }
  Client client(Service service, const KeyPair& pair) {
    return {socket_with(pair, server_.public_key), address_of(service)};
  }
  zmq::socket_t subscriber(const KeyPair& pair) {
    zmq::socket_t socket = socket_with(pair, server_.public_key, zmq::socket_type::sub);
    socket.set(zmq::sockopt::subscribe, "");
    socket.set(zmq::sockopt::rcvtimeo, 10);
    socket.connect(address_of(Service::events));
    return socket;
  }
  /// Publishes until it comes to the subscriber.
  void expect_event_at(zmq::socket_t& socket, const std::string& body) {
    bool come = false;
    for (int tries = 0; tries < 2000 && !come; ++tries) {
      tell({{{"kind", "event"}, {"topic", "pve1."}}, body, ""});
      zmq::message_t frame;
      while (socket.recv(frame) && !come) {
        come = !frame.more() && frame.to_string() == body;
      }
    }
    EXPECT_TRUE(come) << body;
  }
  static std::vector<std::string> all_at(zmq::socket_t& socket) {
    std::vector<std::string> all;
    zmq::message_t frame;
    while (socket.recv(frame)) {
      all.push_back(frame.to_string());
    }
    return all;
  }
  std::int64_t peer_of_request(Client& from, std::string_view kind, const std::string& name) {
    from.ask(kind, kind == "job.submit" ? job("a") : "{}");
    const Record come = records().at(0);
    EXPECT_EQ(come.header.find("kind")->string_or(""), kind);
    EXPECT_EQ(json::Value(come.header).at("key").string_or(""), name);
    return come.header.find("peer")->integer_or(0);
  }

  /// Somebody who tries to connect.
  struct Attempt {
    std::string what;
    zmq::socket_t socket;
    zmq::socket_t monitor;
    bool is_bad;
  };
  Attempt attempt(std::string what, zmq::socket_t socket, const std::string& address, bool is_bad) {
    const std::string at = fmt::format("inproc://attempt-{}", attempts_++);
    if (is_bad) {
      socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
    }
    EXPECT_EQ(zmq_socket_monitor(
                  socket.handle(), at.c_str(),
                  ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                      ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH),
              0);
    zmq::socket_t monitor(context_, zmq::socket_type::pair);
    monitor.set(zmq::sockopt::linger, 0);
    monitor.set(zmq::sockopt::rcvtimeo, static_cast<int>(kLong.count()));
    monitor.connect(at);
    socket.connect(address);
    return {std::move(what), std::move(socket), std::move(monitor), is_bad};
  }
  /// Whether it has come in: of one that shall not, as soon as it was turned away once.
  static bool is_in(Attempt& attempt) {
    std::uint16_t number = 0;
    do {
      zmq::message_t event;
      zmq::message_t address;
      if (!attempt.monitor.recv(event) || !attempt.monitor.recv(address)) {
        ADD_FAILURE() << attempt.what << ": nothing happens";
        break;
      }
      std::memcpy(&number, event.data(), sizeof number);
    } while (number != ZMQ_EVENT_HANDSHAKE_SUCCEEDED && !attempt.is_bad);
    // Before its other end closes: libzmq's thread would wait for that for ever.
    EXPECT_EQ(zmq_socket_monitor(attempt.socket.handle(), nullptr, 0), 0);
    return number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
  }
  bool may_come(Service service, const KeyPair& pair, const PublicKey& server, std::uint16_t port,
                bool is_bad) {
    Attempt only = attempt(fmt::format("{} {}", address_of(service, port), is_bad),
                           socket_with(pair, server), address_of(service, port), is_bad);
    return is_in(only);
  }

  bool listens(Service service, int port) const {
    const system::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port + static_cast<int>(service)));
    EXPECT_EQ(inet_pton(AF_INET, address_.c_str(), &to.sin_addr), 1);
    const void* address = &to;
    return connect(fd.get(), static_cast<const sockaddr*>(address), sizeof to) == 0;
  }

  /// This process's own on the loopback interface, so that the ports are free.
  std::string address_ = fmt::format("127.{}.{}.{}", 100 + (getpid() >> 16) % 100,
                                     (getpid() >> 8) & 255, 1 + (getpid() & 255) % 254);
  KeyPair server_ = new_key();
  std::optional<KeyPair> next_;
  KeyPair observer_ = new_key();
  KeyPair submitter_ = new_key();
  KeyPair admin_ = new_key();
  KeyPair dispatcher_ = new_key();
  AllowList allowed_;
  int attempts_ = 0;
};

TEST_F(FrontTcpTest, EachEndpointLetsThoseInWhoHaveItsRole) {
  const KeyPair stranger = new_key();
  const std::vector<std::tuple<std::string, const KeyPair*, std::set<Service>>> keys = {
      {"observer", &observer_, {Service::query, Service::events, Service::streams}},
      {"submitter",
       &submitter_,
       {Service::jobs, Service::query, Service::events, Service::streams}},
      {"admin",
       &admin_,
       {Service::jobs, Service::query, Service::events, Service::streams, Service::admin}},
      {"dispatcher", &dispatcher_, {}},
      {"stranger", &stranger, {}}};
  std::vector<std::pair<Attempt, bool>> attempts;
  for (const auto& [name, pair, services] : keys) {
    for (const Endpoint& endpoint : kEndpoints) {
      const bool shall = services.contains(endpoint.service);
      const auto type =
          endpoint.service == Service::events ? zmq::socket_type::sub : zmq::socket_type::dealer;
      attempts.emplace_back(attempt(fmt::format("{} at {}", name, endpoint.name),
                                    socket_with(*pair, server_.public_key, type),
                                    address_of(endpoint.service), !shall),
                            shall);
    }
  }
  // Without keys, and with a server's key that is not this one's.
  attempts.emplace_back(attempt("without keys", zmq::socket_t(context_, zmq::socket_type::dealer),
                                address_of(Service::query), true),
                        false);
  attempts.emplace_back(attempt("of another server", socket_with(admin_, stranger.public_key),
                                address_of(Service::query), true),
                        false);
  for (auto& [tried, shall] : attempts) {
    EXPECT_EQ(is_in(tried), shall) << tried.what;
  }
}

TEST_F(FrontTcpTest, ARequestSaysWhoseKeyItWasSentWith) {
  Client jobs = client(Service::jobs, submitter_);
  const std::int64_t peer = peer_of_request(jobs, "job.submit", "submitter");
  tell({{{"kind", "job.accepted"}, {"peer", peer}, {"rq", 1}}, "{\"a\":1}", ""});
  EXPECT_EQ(jobs.answer().body, "{\"a\":1}");
  Client query = client(Service::query, observer_);
  peer_of_request(query, "query.jobs", "observer");
  Client both = client(Service::admin, admin_);
  peer_of_request(both, "query.jobs", "admin");
  peer_of_request(both, "job.submit", "admin");
}

TEST_F(FrontTcpTest, EachMessageIsHeldAgainstTheRolesOfItsKey) {
  Client logs = client(Service::streams, observer_);
  peer_of_request(logs, "stream.open", "observer");
  for (const char* kind : {"input.open", "input.close", "terminal.resize"}) {
    logs.ask(kind, "{}");
    EXPECT_EQ(logs.refusal(), "refused") << kind;
  }
  logs.ask("job.submit", job("a"));
  EXPECT_EQ(logs.refusal(), "refused");
  logs.ask("query.jobs", "{}");
  EXPECT_EQ(logs.refusal(), "refused") << "not served there";
  Client inputs = client(Service::streams, submitter_);
  peer_of_request(inputs, "input.open", "submitter");
}

TEST_F(FrontTcpTest, ABodyBeyondTheKeysOwnBoundIsRefused) {
  const KeyPair small = new_key();
  allow("small", small, KeyRole::observe, 1);
  tell_keys();
  Client query = client(Service::query, small);
  query.ask("query.jobs", "{" + std::string(1023, ' ') + "}");
  EXPECT_EQ(query.refusal(), "refused");
  peer_of_request(query, "query.jobs", "small");
}

TEST_F(FrontTcpTest, ARevokedKeyIsDeadAtOnceOnEveryEndpoint) {
  Client jobs = client(Service::jobs, submitter_);
  Client query = client(Service::query, submitter_);
  Client streams = client(Service::streams, submitter_);
  Client other = client(Service::query, observer_);
  zmq::socket_t events = subscriber(submitter_);
  zmq::socket_t other_events = subscriber(observer_);
  const std::vector<std::int64_t> peers = {peer_of_request(jobs, "job.submit", "submitter"),
                                           peer_of_request(query, "query.jobs", "submitter"),
                                           peer_of_request(streams, "stream.open", "submitter")};
  peer_of_request(other, "query.jobs", "observer");
  expect_event_at(events, "\"before\"");
  expect_event_at(other_events, "\"before\"");
  all_at(events);

  revoke("submitter");
  // droverd is told that nothing need be sent to them, and what it has sent already goes nowhere.
  std::vector<std::int64_t> gone;
  while (gone.size() < peers.size()) {
    for (const Record& record : records()) {
      EXPECT_EQ(record.header.find("kind")->string_or(""), "peer.gone");
      gone.push_back(record.header.find("peer")->integer_or(0));
    }
  }
  EXPECT_THAT(gone, UnorderedElementsAre(peers[0], peers[1], peers[2]));
  for (const std::int64_t peer : peers) {
    tell({{{"kind", "stream.data"}, {"peer", peer}, {"rq", 1}}, "{}", "secret"});
  }
  jobs.ask("job.submit", job("b"));
  EXPECT_EQ(jobs.refusal(), "refused");
  query.ask("query.jobs", "{}");
  EXPECT_EQ(query.refusal(), "refused");
  streams.ask("stream.credit", R"({"bytes":1000})");
  EXPECT_EQ(streams.refusal(), "refused");
  // The others are served on, also those who subscribed: they come again by themselves.
  peer_of_request(other, "query.jobs", "observer");
  expect_event_at(other_events, "\"after\"");
  EXPECT_THAT(all_at(events), IsEmpty());
  EXPECT_FALSE(may_come(Service::jobs, submitter_, server_.public_key, kPort, true));

  // It is allowed again, and comes in as if nothing had been.
  allow("submitter", submitter_, KeyRole::submit);
  tell_keys();
  Client again = client(Service::jobs, submitter_);
  peer_of_request(again, "job.submit", "submitter");
}

TEST_F(FrontTcpTest, DroverdIsToldWhoIsDeniedAndWhy) {
  const auto expect = [&](const KeyPair& pair, const char* name, KeyDenial::Why why) {
    KeyDenial told = denial();
    told.untold = 0;
    EXPECT_EQ(told, (KeyDenial{pair.public_key.str(), name, "127.0.0.1", why, 0}));
  };
  Client speaks = client(Service::query, submitter_);
  peer_of_request(speaks, "query.jobs", "submitter");
  const KeyPair stranger = new_key();
  EXPECT_FALSE(may_come(Service::query, stranger, server_.public_key, kPort, true));
  expect(stranger, "", KeyDenial::Why::unknown);
  zmq::socket_t more = socket_with(observer_, server_.public_key);
  more.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
  more.connect(address_of(Service::admin));
  expect(observer_, "observer", KeyDenial::Why::role);
  revoke("submitter");
  records();  // peer.gone
  while (denials_.empty() && !HasFailure()) {
    speaks.ask("query.jobs", "{}");
    EXPECT_EQ(speaks.refusal(), "refused");
    take_denials();
  }
  expect(submitter_, "submitter", KeyDenial::Why::revoked);
}

TEST_F(FrontTcpTest, ANameThatIsAnotherKeysNowHelpsTheFirstNothing) {
  Client first = client(Service::query, observer_);
  peer_of_request(first, "query.jobs", "observer");
  const KeyPair other = new_key();
  ASSERT_TRUE(allowed_.remove("observer"));
  allow("observer", other, KeyRole::observe);
  tell_keys();
  EXPECT_EQ(records().at(0).header.find("kind")->string_or(""), "peer.gone");
  first.ask("query.jobs", "{}");
  EXPECT_EQ(first.refusal(), "refused");
  Client second = client(Service::query, other);
  peer_of_request(second, "query.jobs", "observer");
}

TEST_F(FrontTcpTest, WhileKeysAreChangedBothServe) {
  Client old_one = client(Service::query, observer_);
  peer_of_request(old_one, "query.jobs", "observer");
  next_ = new_key();
  tell_keys();
  const PublicKey next = next_->public_key;
  Client new_one(socket_with(observer_, next), address_of(Service::query, kNextPort));
  peer_of_request(new_one, "query.jobs", "observer");
  peer_of_request(old_one, "query.jobs", "observer");
  EXPECT_TRUE(may_come(Service::admin, admin_, next, kNextPort, false));
  EXPECT_TRUE(may_come(Service::admin, admin_, server_.public_key, kPort, false));
  EXPECT_FALSE(may_come(Service::admin, admin_, next, kPort, true));
  EXPECT_FALSE(may_come(Service::admin, observer_, next, kNextPort, true));

  // The change is done: the next key is the only one, on the first ports.
  const PublicKey before = server_.public_key;
  server_ = *next_;
  next_.reset();
  tell_keys();
  EXPECT_TRUE(may_come(Service::query, observer_, next, kPort, false));
  EXPECT_FALSE(may_come(Service::query, observer_, before, kPort, true));
  // libzmq closes in its own time.
  bool is_open = true;
  for (int tries = 0; is_open && tries < 20'000; ++tries) {
    is_open = listens(Service::query, kNextPort);
  }
  EXPECT_FALSE(is_open);
}

TEST_F(FrontTcpTest, WhoChoosesARoutingIdIsToldNotTo) {
  for (const KeyPair* pair : {&observer_, &submitter_}) {
    zmq::socket_t socket = socket_with(*pair, server_.public_key);
    socket.set(zmq::sockopt::routing_id, "I am " + std::string(pair->public_key.str()));
    Client thief(std::move(socket), address_of(Service::query));
    thief.ask("query.jobs", "{}");
    const Answer told = thief.answer();
    EXPECT_EQ(told.header.kind, "error");
    EXPECT_THAT(told.body, HasSubstr("routing id"));
  }
}

TEST_F(FrontTcpTest, OnItsOwnSocketsANameThatAClientGivesItselfIsNobodys) {
  fakes::RawZmtpPeer thief(folder_ / "query.sock");
  thief.greet("DEALER",
              {{"User-Id", "admin"}, {"Drover-Key", std::string(admin_.public_key.str())}});
  thief.send(fakes::RawZmtpPeer::message({write_header("query.jobs", 1), "{}"}));
  const Record come = records().at(0);
  EXPECT_EQ(come.header.find("key"), nullptr);
  EXPECT_EQ(come.header.find("role")->string_or(""), "observe");
}

TEST_F(FrontTcpTest, WithKeysThatDoNotBelongTogetherNothingIsServed) {
  server_ = KeyPair{server_.public_key, new_key().secret_key};
  tell_keys();
  Client local = FrontTest::client("query.sock");
  local.ask("query.jobs", "{}");
  EXPECT_THAT(kinds(), testing::ElementsAre("query.jobs"));
}

}  // namespace
}  // namespace drover::messaging
