// The client over tcp, with keys: against sockets of libzmq's own with CURVE, and a ZAP handler.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "fakes/fake_node.h"
#include "fakes/new_key.h"
#include "messaging/client/endpoint.h"
#include "messaging/client/input_stream.h"
#include "messaging/client/stream.h"
#include "messaging/client/subscription.h"

namespace drover::messaging {
namespace {

using fakes::FakeNode;
using fakes::FakeState;
using std::chrono::milliseconds;

ClientOptions patient() {
  return ClientOptions{.first_resend = milliseconds(200),
                       .longest_resend = milliseconds(500),
                       .query_timeout = milliseconds(40'000),
                       .connect_timeout = milliseconds(40'000)};
}
/// One handshake that is not completed takes a second.
ClientOptions impatient() {
  return ClientOptions{.query_timeout = milliseconds(4000),
                       .connect_timeout = milliseconds(3500),
                       .silence_limit = milliseconds(3500)};
}

class ClientTcp : public testing::Test {
 protected:
  void SetUp() override { port_ = node_.serve_tcp(server_); }
  void allow(const KeyPair& key) {
    node_.call(
        [&](FakeState&, FakeNode::Faults& faults) { faults.allowed.insert(key.public_key.str()); });
  }
  Client client_of(const KeyPair& key, const ClientOptions& options) {
    return client_of(key, server_.public_key, port_, options);
  }
  static Client client_of(const KeyPair& key, const PublicKey& server, std::uint16_t port,
                          const ClientOptions& options) {
    Result<Client> client =
        Client::open(NodeEndpoint(TcpEndpoint{{"127.0.0.1", port}, server, key}), options);
    EXPECT_TRUE(client) << client.error().message;
    return std::move(*client);
  }

  FakeNode node_;
  KeyPair server_ = fakes::new_key();
  KeyPair mine_ = fakes::new_key();
  std::uint16_t port_ = 0;
  system::Stop stop_;
};

TEST_F(ClientTcp, AnAllowedKeyHasAllThatTheFolderHas) {
  allow(mine_);
  Client client = client_of(mine_, patient());
  Result<Subscription> events = Subscription::open(client, {}, stop_);
  ASSERT_TRUE(events) << events.error().message;
  ContainerSpec spec;
  spec.command = {"sh", "-c", "echo one; cat"};
  const JobRequest job{*JobId::parse("j1"), Verb::container_run, "web-1", spec, {}, 0};
  const auto accepted = client.submit(job, client.in(milliseconds(40'000)), stop_);
  ASSERT_TRUE(accepted) << accepted.error().message;
  bool runs = false;
  while (!runs) {
    const auto notice = events->next(client.in(milliseconds(40'000)), stop_);
    ASSERT_TRUE(notice && *notice) << "no event came";
    const Event* event = std::get_if<Event>(&**notice);
    runs = event != nullptr && event->kind == "container" && event->what == "running";
  }
  Result<Stream> log = Stream::container_log(client, "web-1", {});
  ASSERT_TRUE(log) << log.error().message;
  const auto text = log->next(client.in(milliseconds(40'000)), stop_);
  ASSERT_TRUE(text && *text) << "no log came";
  Result<InputStream> input = InputStream::to_container(client, "web-1");
  ASSERT_TRUE(input) << input.error().message;
  input->give("two\n");
  input->finish();
  while (input->state() != InputStream::State::finished) {
    const auto worked = input->work(client.in(milliseconds(40'000)), stop_);
    ASSERT_TRUE(worked) << worked.error().message;
  }
}

TEST_F(ClientTcp, AKeyThatIsNotAllowedEndsInATimeoutThatTellsWhatToDo) {
  Client client = client_of(mine_, impatient());
  const auto node = client.node(stop_);
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, Code::timed_out);
  const std::string& told = node.error().message;
  EXPECT_NE(told.find("does not let us in"), std::string::npos) << told;
  EXPECT_NE(told.find("does not allow the key " + mine_.public_key.str()), std::string::npos);
  EXPECT_NE(told.find("drover keys allow"), std::string::npos) << told;
  // The same for what is no request.
  Result<Stream> log = Stream::container_log(client, "web-1", {});
  ASSERT_TRUE(log);
  Result<std::optional<std::string>> text{std::nullopt};
  const auto limit = client.in(milliseconds(40'000));
  while (text && std::chrono::steady_clock::now() < limit) {
    text = log->next(client.in(milliseconds(500)), stop_);
  }
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().message.find("drover keys allow"), std::string::npos)
      << text.error().message;
}

TEST_F(ClientTcp, ANodeWithAnotherKeyIsNotTalkedWith) {
  allow(mine_);
  const KeyPair other = fakes::new_key();
  Client client = client_of(mine_, other.public_key, port_, impatient());
  const auto node = client.node(stop_);
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, Code::timed_out);
  EXPECT_NE(node.error().message.find("the node's own key is not " + other.public_key.str()),
            std::string::npos)
      << node.error().message;
  EXPECT_EQ(node_.count("query.node"), 0U);
}

TEST_F(ClientTcp, WhereNobodyListensItSaysSo) {
  std::uint16_t free = 0;
  {
    FakeNode gone;
    free = gone.serve_tcp(server_);
  }
  ClientOptions options = impatient();
  options.connect_timeout = milliseconds(500);
  Client client = client_of(mine_, server_.public_key, free, options);
  const auto node = client.node(stop_);
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, Code::unavailable);
  EXPECT_NE(node.error().message.find(fmt::format("at port {} (query.sock)", free + 1)),
            std::string::npos)
      << node.error().message;
}

TEST_F(ClientTcp, AKeyThatIsAllowedLaterComesInByItself) {
  Client client = client_of(mine_, patient());
  Result<json::Value> node = fail(Code::timed_out, "not asked");
  std::thread asks([&] { node = client.node(stop_); });
  // Refused at least once: the handshake before this one was over.
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(40);
  int refused = 0;
  while (refused == 0 && std::chrono::steady_clock::now() < limit) {
    node_.call([&](FakeState&, FakeNode::Faults&) { refused = node_.refused(); });
  }
  allow(mine_);
  asks.join();
  EXPECT_GT(refused, 0);
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->at("node").string_or(""), "fake");
}

TEST_F(ClientTcp, AHostWithoutAnAddressIsToldAtOnce) {
  const auto client =
      Client::open(NodeEndpoint(TcpEndpoint{{"nowhere.invalid", 7117}, server_.public_key, mine_}));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::unavailable);
  EXPECT_NE(client.error().message.find("nowhere.invalid"), std::string::npos);
}

TEST(TcpAddressTest, IsReadAsItIsWritten) {
  EXPECT_EQ(TcpAddress::parse("tcp://pve2").value(), (TcpAddress{"pve2", 7117}));
  EXPECT_EQ(TcpAddress::parse("tcp://192.0.2.1:70").value(), (TcpAddress{"192.0.2.1", 70}));
  EXPECT_EQ(TcpAddress::parse("tcp://[2001:db8::1]:70").value(), (TcpAddress{"2001:db8::1", 70}));
  EXPECT_EQ(TcpAddress::parse("tcp://[::1]").value().text(), "tcp://[::1]:7117");
  EXPECT_EQ(TcpAddress::parse("tcp://pve2").value().text(), "tcp://pve2:7117");
  for (const char* text : {"", "pve2", "tcp://", "tcp://:70", "tcp://a:", "tcp://a:0", "tcp://a:x",
                           "tcp://a:65532", "tcp://a:70000", "tcp://[::1", "tcp://[::1]x",
                           "tcp://::1", "tcp://a b", "tcp://a/b", "udp://a", "tcp://a:7:8"}) {
    EXPECT_FALSE(TcpAddress::parse(text)) << text;
  }
}

}  // namespace
}  // namespace drover::messaging
