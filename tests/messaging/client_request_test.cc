#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "fakes/fake_node.h"
#include "fakes/temp_folder.h"
#include "messaging/client/client.h"
#include "messaging/client/resend.h"

namespace drover::messaging {
namespace {

using std::chrono::milliseconds;

ClientOptions quick() {
  return ClientOptions{.first_resend = milliseconds(10),
                       .longest_resend = milliseconds(40),
                       .query_timeout = milliseconds(20'000),
                       .connect_timeout = milliseconds(20'000)};
}

JobRequest run_job(const std::string& id, const std::string& script) {
  ContainerSpec spec;
  spec.image = "oci:/images/busybox:1";
  spec.command = {"sh", "-c", script};
  return JobRequest{*JobId::parse(id), Verb::container_run, "web-1", spec, {}, 0};
}

class ClientRequest : public testing::Test {
 protected:
  Client open(const ClientOptions& options = quick()) {
    Result<Client> client = Client::open(node_.bus(), options);
    EXPECT_TRUE(client) << client.error().message;
    return std::move(*client);
  }
  void fault(const std::function<void(fakes::FakeNode::Faults&)>& set) {
    node_.call([&](fakes::FakeState&, fakes::FakeNode::Faults& faults) { set(faults); });
  }

  fakes::FakeNode node_;
  system::Stop stop_;
};

TEST_F(ClientRequest, SubmitsAndAsks) {
  Client client = open();
  const Result<json::Value> job =
      client.submit(run_job("j1", "echo hi; exit 7"), client.in(milliseconds(20'000)), stop_);
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_FALSE(job->at("duplicate").boolean_or(true));
  const Result<json::Value> ended = client.job("j1", stop_);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->at("state").string_or(""), "succeeded");
  EXPECT_EQ(ended->at("steps").array()->size(), 3U);
  EXPECT_EQ(client.container("web-1", stop_)->at("exit").at("code").integer_or(-1), 7);
  EXPECT_EQ(client.containers(stop_)->at("containers").array()->size(), 1U);
  EXPECT_EQ(client.jobs(10, stop_)->array()->size(), 1U);
  EXPECT_EQ(client.node(stop_)->at("node").string_or(""), "fake");
  EXPECT_EQ(client.explain("web-1", stop_)->at("rule").at("index").integer_or(-1), 2);
  const Result<EventPage> page = client.events({"", 2}, 3, stop_);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->events.size(), 3U);
  EXPECT_EQ(page->events.front().seq, 3U);
  EXPECT_GT(page->head, 5U);
}

TEST_F(ClientRequest, ManyContainersComePageByPage) {
  node_.call([](fakes::FakeState& state, auto&) {
    state.most_elements = 3;
    for (int number = 10; number < 17; ++number) {
      state.containers["web-" + std::to_string(number)] = fakes::FakeContainer{};
    }
  });
  Client client = open();
  const auto answer = client.containers(stop_);
  ASSERT_TRUE(answer) << answer.error().message;
  std::string names;
  for (const json::Value& container : *answer->at("containers").array()) {
    names += std::string(container.at("name").string_or("")) + " ";
  }
  EXPECT_EQ(names, "web-10 web-11 web-12 web-13 web-14 web-15 web-16 ");
  EXPECT_GE(node_.count("query.containers"), 3U);
}

TEST_F(ClientRequest, ResendsTheSameJobUntilItIsAnswered) {
  fault([](auto& faults) { faults.drop = 3; });
  Client client = open();
  const auto job = client.submit(run_job("j1", "exit 0"), client.in(milliseconds(20'000)), stop_);
  ASSERT_TRUE(job) << job.error().message;
  // On a slow machine it is sent once more before the answer has come, which does no harm.
  EXPECT_GE(node_.count("job.submit"), 4U);
  EXPECT_EQ(client.jobs(10, stop_)->array()->size(), 1U);
}

TEST_F(ClientRequest, ALostAcknowledgementDoesTheJobOnce) {
  fault([](auto& faults) { faults.drop_answers = 2; });
  Client client = open();
  const auto job = client.submit(run_job("j1", "exit 0"), client.in(milliseconds(20'000)), stop_);
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_TRUE(job->at("duplicate").boolean_or(false));
  EXPECT_EQ(client.jobs(10, stop_)->array()->size(), 1U);
}

TEST_F(ClientRequest, ComesBackToABusyNode) {
  fault([](auto& faults) { faults.busy = 2; });
  Client client = open();
  ASSERT_TRUE(client.submit(run_job("j1", "exit 0"), client.in(milliseconds(20'000)), stop_));
  EXPECT_GE(node_.count("job.submit"), 3U);
}

TEST_F(ClientRequest, SaysThatTheNodeIsBusyWhenTheTimeIsOver) {
  fault([](auto& faults) { faults.busy = 1'000'000; });
  Client client = open();
  const auto job = client.submit(run_job("j1", "exit 0"), client.in(milliseconds(100)), stop_);
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().code, Code::unavailable);
  EXPECT_NE(job.error().message.find("busy"), std::string::npos) << job.error().message;
}

TEST_F(ClientRequest, ARefusedJobTellsEveryFault) {
  Client client = open();
  const Result<Answer> answer =
      client.request("job.submit", json::Object{{"id", "j1"}, {"verb", "x"}, {"more", 1}},
                     client.in(milliseconds(20'000)), stop_);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::invalid);
  EXPECT_GE(answer.error().faults.size(), 3U);
}

TEST_F(ClientRequest, AnAnswerThatIsNoJsonIsBroken) {
  fault([](auto& faults) { faults.garble = 1; });
  Client client = open();
  const auto node = client.node(stop_);
  ASSERT_FALSE(node);
  EXPECT_NE(node.error().message.find("query.node"), std::string::npos) << node.error().message;
}

TEST_F(ClientRequest, AMessageThatIsNoneIsPassedOver) {
  fault([](auto& faults) { faults.strange = 2; });
  Client client = open();
  EXPECT_TRUE(client.node(stop_));
}

TEST_F(ClientRequest, NothingButStrangeMessagesEndsWithWhatCame) {
  fault([](auto& faults) { faults.strange = 1'000'000; });
  ClientOptions options = quick();
  options.query_timeout = milliseconds(100);
  Client client = open(options);
  const auto node = client.node(stop_);
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, Code::timed_out);
  EXPECT_NE(node.error().message.find("1 frames"), std::string::npos) << node.error().message;
}

TEST_F(ClientRequest, AnUnansweredQueryEndsInTime) {
  fault([](auto& faults) { faults.drop = 1'000'000; });
  ClientOptions options = quick();
  options.query_timeout = milliseconds(100);
  Client client = open(options);
  const auto node = client.node(stop_);
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, Code::timed_out);
}

TEST_F(ClientRequest, StopsWhenAsked) {
  fault([](auto& faults) { faults.drop = 1'000'000; });
  Client client = open();
  stop_.request();
  const auto node = client.node(stop_);
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, Code::cancelled);
}

TEST_F(ClientRequest, AJobLargerThanAFrameIsInvalidHere) {
  Client client = open();
  const auto job = client.submit(run_job("j1", std::string(300'000, 'x')),
                                 client.in(milliseconds(20'000)), stop_);
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().code, Code::invalid);
}

TEST(ClientBus, AMissingFolderIsToldAtOnceWithWhatToDo) {
  const auto client = Client::open("/nonexistent/bus");
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::unavailable);
  EXPECT_NE(client.error().message.find("/nonexistent/bus"), std::string::npos);
  EXPECT_NE(client.error().message.find("is droverd running?"), std::string::npos);
}

TEST(ClientBus, APathTooLongForASocketIsInvalid) {
  EXPECT_EQ(Client::open("/" + std::string(200, 'x')).error().code, Code::invalid);
}

TEST(ClientBus, ASocketWhereNobodyListensIsGivenUp) {
  const fakes::TempFolder folder;
  {
    zmq::context_t context;
    zmq::socket_t dead(context, zmq::socket_type::router);
    dead.bind("ipc://" + (folder / "query.sock").native());
  }
  ClientOptions options;
  options.connect_timeout = milliseconds(50);
  Result<Client> client = Client::open(folder.path(), options);
  ASSERT_TRUE(client) << client.error().message;
  system::Stop stop;
  const auto node = client->node(stop);
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, Code::unavailable);
  EXPECT_NE(node.error().message.find("nobody answers"), std::string::npos);
}

TEST(Resend, DoublesUpToTheLongestWithFullJitter) {
  Resend resend(milliseconds(1000), milliseconds(30'000));
  milliseconds bound(1000);
  for (int i = 0; i < 20; ++i) {
    const milliseconds wait = resend.next();
    EXPECT_GE(wait.count(), 1);
    EXPECT_LE(wait, bound);
    bound = std::min(bound * 2, milliseconds(30'000));
  }
}

}  // namespace
}  // namespace drover::messaging
