// The client in a cluster: against fake dispatchers with fake nodes behind them.
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>

#include "fakes/fake_dispatcher.h"
#include "fakes/new_key.h"
#include "messaging/client/bus.h"
#include "messaging/client/cluster_subscription.h"
#include "messaging/client/endpoint.h"
#include "messaging/client/input_stream.h"
#include "messaging/client/stream.h"

namespace drover::messaging {
namespace {

using fakes::FakeDispatcher;
using fakes::FakeNode;
using fakes::FakeState;
using std::chrono::milliseconds;

class ClientCluster : public testing::Test {
 protected:
  static ClientOptions patient() {
    return ClientOptions{.first_resend = milliseconds(50),
                         .longest_resend = milliseconds(200),
                         .query_timeout = milliseconds(40'000),
                         .connect_timeout = milliseconds(20'000)};
  }
  static Client client_of(ClusterEndpoint endpoint, const ClientOptions& options = patient()) {
    Result<Client> client = Client::open(std::move(endpoint), options);
    EXPECT_TRUE(client) << client.error().message;
    return std::move(*client);
  }
  Client client() { return client_of({{NodeEndpoint(first_.bus())}}); }
  /// Both dispatchers, over tcp, each with its own key.
  Client client_of_both(const ClientOptions& options = patient()) {
    ClusterEndpoint endpoint;
    for (FakeDispatcher* dispatcher : {&first_, second_.get()}) {
      const KeyPair server = fakes::new_key();
      const std::uint16_t port = dispatcher->serve_tcp(server);
      dispatcher->call(
          [&](FakeDispatcher::State& state) { state.allowed.insert(mine_.public_key.str()); });
      endpoint.dispatchers.emplace_back(TcpEndpoint{{"127.0.0.1", port}, server.public_key, mine_});
    }
    return client_of(std::move(endpoint), options);
  }
  static JobRequest job(const std::string& id, const std::string& script,
                        const std::string& name = "web-1") {
    ContainerSpec spec;
    spec.command = {"sh", "-c", script};
    spec.resources.memory_mib = 512;
    return JobRequest{*JobId::parse(id), Verb::container_run, name, spec, {}, 0};
  }
  static void tell(FakeNode& node, int count) {
    node.call([&](FakeState& state, FakeNode::Faults&) {
      for (int i = 0; i < count; ++i) {
        state.tell("node", state.node, "ticked", "", {});
      }
    });
  }
  std::size_t jobs_on(FakeNode& node) {
    std::size_t count = 0;
    node.call([&](FakeState& state, FakeNode::Faults&) { count = state.jobs.size(); });
    return count;
  }

  FakeNode one_{"pve1"};
  FakeNode two_{"pve2"};
  FakeDispatcher first_{{&one_, &two_}};
  std::unique_ptr<FakeDispatcher> second_ =
      std::make_unique<FakeDispatcher>(std::vector<FakeNode*>{&one_, &two_});
  KeyPair mine_ = fakes::new_key();
  system::Stop stop_;
};

TEST_F(ClientCluster, AJobForAnyNodeSaysWhatItsSpecNeedsAndTellsWhereItIs) {
  first_.call([](FakeDispatcher::State& state) { state.facts["pve1"].total.memory_mib = 256; });
  Client client = this->client();
  client.set_target("any");
  const auto accepted = client.submit(job("j1", "sleep"), client.in(milliseconds(20'000)), stop_);
  ASSERT_TRUE(accepted) << accepted.error().message;
  EXPECT_EQ(accepted->at("node").string_or(""), "pve2");
  first_.call([](FakeDispatcher::State& state) {
    ASSERT_EQ(state.submitted.size(), 1U);
    EXPECT_EQ(state.submitted[0].find("to")->string_or(""), "any");
    EXPECT_EQ(state.submitted[0].find("needs")->at("memory_mib").integer_or(0), 512);
  });
  const auto where = client.where("web-1", stop_);
  ASSERT_TRUE(where) << where.error().message;
  ASSERT_EQ(where->at("places").array()->size(), 1U);
  EXPECT_EQ(where->at("places").array()->front().at("node").string_or(""), "pve2");
}

TEST_F(ClientCluster, OneNodeIsWorkedWithAsWithoutADispatcher) {
  Client client = this->client();
  client.set_target("pve2");
  Result<Subscription> events = Subscription::open(client, {}, stop_);
  ASSERT_TRUE(events) << events.error().message;
  tell(one_, 5);  // of another node
  const auto accepted =
      client.submit(job("j1", "echo one; cat"), client.in(milliseconds(20'000)), stop_);
  ASSERT_TRUE(accepted) << accepted.error().message;
  bool runs = false;
  while (!runs) {
    const auto notice = events->next(client.in(milliseconds(20'000)), stop_);
    ASSERT_TRUE(notice && *notice) << "no event came";
    const Event* event = std::get_if<Event>(&**notice);
    ASSERT_TRUE(event == nullptr || event->what != "ticked") << "of another node";
    runs = event != nullptr && event->kind == "container" && event->what == "running";
  }
  Result<InputStream> input = InputStream::to_container(client, "web-1");
  ASSERT_TRUE(input) << input.error().message;
  input->give("two\n");
  input->finish();
  while (input->state() != InputStream::State::finished) {
    const auto worked = input->work(client.in(milliseconds(20'000)), stop_);
    ASSERT_TRUE(worked) << worked.error().message;
  }
  Result<Stream> log = Stream::container_log(client, "web-1", {});
  ASSERT_TRUE(log) << log.error().message;
  std::string text;
  while (!log->ended()) {
    const auto bytes = log->next(client.in(milliseconds(20'000)), stop_);
    ASSERT_TRUE(bytes) << bytes.error().message;
    text += bytes->value_or("");
  }
  EXPECT_NE(text.find("one"), std::string::npos) << text;
  EXPECT_NE(text.find("two"), std::string::npos) << text;
  EXPECT_EQ(jobs_on(one_), 0U);
}

TEST_F(ClientCluster, SeveralNodesAnswerEachForItself) {
  first_.call([](FakeDispatcher::State& state) { state.dead.insert("pve1"); });
  Client client = this->client();
  client.set_target("pve*,pve9");
  const auto sent =
      client.submit_to_nodes(job("j1", "sleep"), client.in(milliseconds(20'000)), stop_);
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent->nodes, (std::vector<std::string>{"pve1", "pve2"}));
  EXPECT_EQ(sent->unknown, std::vector<std::string>{"pve9"});
  ASSERT_FALSE(sent->answers.at("pve1"));
  EXPECT_EQ(sent->answers.at("pve1").error().code, Code::unavailable);
  ASSERT_TRUE(sent->answers.at("pve2"));
  EXPECT_EQ(sent->answers.at("pve2")->kind, "job.accepted");
}

TEST_F(ClientCluster, ListsOfAllNodesComeWithAllTheirPages) {
  for (FakeNode* node : {&one_, &two_}) {
    node->call([](FakeState& state, FakeNode::Faults&) {
      state.most_elements = 2;
      for (const char* name : {"a", "b", "c", "d", "e"}) {
        state.things["volumes"][name] = json::Object{{"name", name}};
      }
    });
  }
  Client client = this->client();
  client.set_target("all");
  const auto volumes = client.all_of_nodes("volumes", stop_);
  ASSERT_TRUE(volumes) << volumes.error().message;
  for (const char* node : {"pve1", "pve2"}) {
    ASSERT_TRUE(volumes->answers.at(node));
    EXPECT_EQ(volumes->answers.at(node)->body.at("volumes").array()->size(), 5U);
  }
  EXPECT_EQ(client.target(), "all");
  const auto nodes = client.known("nodes", stop_);
  ASSERT_TRUE(nodes) << nodes.error().message;
  EXPECT_EQ(nodes->at("nodes").array()->size(), 2U);
}

TEST_F(ClientCluster, WhenADispatcherFallsSilentTheNextIsSentTheSameJob) {
  Client client = client_of_both();
  client.set_target("any");
  ASSERT_TRUE(client.known("nodes", stop_));
  EXPECT_EQ(first_.count("dispatch.nodes"), 2);  // in two pages
  first_.call([](FakeDispatcher::State& state) { state.mute = true; });
  const auto accepted = client.submit(job("j1", "sleep"), client.in(milliseconds(60'000)), stop_);
  ASSERT_TRUE(accepted) << accepted.error().message;
  EXPECT_GE(first_.count("job.submit"), 1);
  EXPECT_GE(second_->count("job.submit"), 1);
  EXPECT_EQ(jobs_on(one_) + jobs_on(two_), 1U) << "it was done twice";
}

TEST_F(ClientCluster, WhenADispatcherDiesItsStreamsGoOnByTheNext) {
  one_.call([](FakeState& state, FakeNode::Faults&) {
    ASSERT_TRUE(state.submit(to_json(job("j1", "echo one; cat"))));
  });
  Client client = client_of_both();
  client.set_target("pve1");
  client.bus()->give_up(0);  // the second is talked with, so that it can go
  const json::Value program = json::Object{{"of", "container"}, {"name", "web-1"}};
  Result<Stream> log = Stream::container_log(client, "web-1", {.follow = true});
  ASSERT_TRUE(log) << log.error().message;
  std::string text;
  const auto read_until = [&](std::string_view wanted) {
    while (text.find(wanted) == std::string::npos) {
      const auto bytes = log->next(client.in(milliseconds(30'000)), stop_);
      ASSERT_TRUE(bytes && *bytes) << (bytes ? "nothing came" : bytes.error().message);
      text += **bytes;
    }
  };
  read_until("one\n");
  second_.reset();
  one_.call(
      [&](FakeState& state, FakeNode::Faults&) { ASSERT_TRUE(state.give(program, "two\n")); });
  read_until("two\n");
  EXPECT_EQ(text.find("one\n"), text.rfind("one\n")) << "it came twice: " << text;
  EXPECT_EQ(client.bus()->current(), 0U);
}

class ClusterEvents : public ClientCluster {
 protected:
  /// The numbers of the next `count` events, by node; snapshots are left out.
  std::map<std::string, std::vector<std::uint64_t>> numbers(ClusterSubscription& events,
                                                            int count) {
    std::map<std::string, std::vector<std::uint64_t>> seen;
    while (count > 0) {
      const auto notice =
          events.next(std::chrono::steady_clock::now() + milliseconds(30'000), stop_);
      EXPECT_TRUE(notice) << notice.error().message;
      if (!notice || !*notice) {
        ADD_FAILURE() << "no notice came";
        return seen;
      }
      if (const Event* event = std::get_if<Event>(&(*notice)->notice)) {
        seen[(*notice)->node].push_back(event->seq);
        --count;
      }
    }
    return seen;
  }
  ClusterSubscription open(const Client& client, ClusterSubscriptionOptions options = {}) {
    auto events = ClusterSubscription::open(client, std::move(options), stop_);
    EXPECT_TRUE(events) << events.error().message;
    return std::move(*events);
  }
  using Seen = std::map<std::string, std::vector<std::uint64_t>>;
};

TEST_F(ClusterEvents, EachNodesEventsComeOnceAndInOrderAlsoWhereSomeWereLost) {
  Client client = this->client();
  tell(one_, 3);
  ClusterSubscription events = open(client);
  tell(one_, 2);
  tell(two_, 3);
  EXPECT_EQ(numbers(events, 5), (Seen{{"pve1", {4, 5}}, {"pve2", {1, 2, 3}}}));
  first_.call([](FakeDispatcher::State& state) { state.lose_events = 4; });
  tell(one_, 3);
  tell(two_, 3);
  EXPECT_EQ(numbers(events, 6), (Seen{{"pve1", {6, 7, 8}}, {"pve2", {4, 5, 6}}}));
  EXPECT_GE(events.replays(), 1U);
  EXPECT_EQ(events.positions(), (std::map<std::string, EventPosition>{{"pve1", {"epoch-1", 8}},
                                                                      {"pve2", {"epoch-1", 6}}}));
}

TEST_F(ClusterEvents, OfTwoDispatchersNothingComesTwiceAndNothingIsLostWhenOneGoes) {
  Client client = client_of_both();
  ClusterSubscription events = open(client, {.snapshot = {}});
  tell(one_, 2);
  tell(two_, 2);
  EXPECT_EQ(numbers(events, 4), (Seen{{"pve1", {1, 2}}, {"pve2", {1, 2}}}));
  second_.reset();
  tell(one_, 2);
  EXPECT_EQ(numbers(events, 2), (Seen{{"pve1", {3, 4}}}));
  const auto more = events.next(client.in(milliseconds(200)), stop_);
  ASSERT_TRUE(more) << more.error().message;
  EXPECT_FALSE(more->has_value());
}

TEST_F(ClusterEvents, ANodeThatIsDeadKeepsNobodyWaitingAndGoesOnWhenItIsBack) {
  first_.call([](FakeDispatcher::State& state) { state.dead.insert("pve2"); });
  tell(two_, 2);
  Client client = this->client();
  ClusterSubscription events =
      open(client, {.after = {{"pve1", {}}, {"pve2", {}}}, .snapshot = {}});
  tell(one_, 1);
  EXPECT_EQ(numbers(events, 1), (Seen{{"pve1", {1}}}));
  EXPECT_EQ(events.silent(), std::vector<std::string>{"pve2"});
  tell(two_, 1);
  first_.call([](FakeDispatcher::State& state) { state.dead.clear(); });
  EXPECT_EQ(numbers(events, 3), (Seen{{"pve2", {1, 2, 3}}}));
}

TEST_F(ClusterEvents, OnlyTheNodesThatAreMeantAndOnlyWhatTheFilterTakes) {
  Client client = this->client();
  ClusterSubscription events =
      open(client, {.target = "pve2", .filter = {.kinds = {"container"}, .object = ""}});
  tell(one_, 2);
  tell(two_, 2);
  two_.call(
      [](FakeState& state, FakeNode::Faults&) { state.tell("container", "a", "running", "", {}); });
  EXPECT_EQ(numbers(events, 1), (Seen{{"pve2", {3}}}));
  EXPECT_EQ(events.replays(), 0U) << "it took what is not wanted for a loss";
}

TEST_F(ClientCluster, ADispatcherThatIsNotThereIsTold) {
  const Result<Client> client = Client::open(ClusterEndpoint{{NodeEndpoint("/nonexistent")}});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::unavailable);
  EXPECT_NE(client.error().message.find("is drover-dispatch running"), std::string::npos)
      << client.error().message;
  const Result<Client> mixed =
      Client::open(ClusterEndpoint{{NodeEndpoint("/nonexistent"), NodeEndpoint("/nowhere")}});
  EXPECT_EQ(mixed.error().code, Code::invalid);
}

}  // namespace
}  // namespace drover::messaging
