// drover-front itself, on this machine's own sockets.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "front_fixture.h"

namespace drover::messaging {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(FrontTest, EachOfItsThreadsIsConfined) {
  int threads = 0;
  for (const auto& thread :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", child_->pid()))) {
    std::ifstream file(thread.path() / "status");
    const std::string status((std::istreambuf_iterator<char>(file)), {});
    EXPECT_THAT(status, testing::HasSubstr("\nSeccomp:\t2\n"));
    EXPECT_THAT(status, testing::HasSubstr("\nNoNewPrivs:\t1\n"));
    ++threads;
  }
  EXPECT_GE(threads, 3) << "libzmq has two at least";
}

TEST_F(FrontTest, ARequestGoesToDroverdAndItsAnswerComesBack) {
  Client one = client("jobs.sock");
  Client two = client("query.sock");
  one.ask("job.submit", job("a"), 17);
  const Record first = records().at(0);
  two.ask("query.jobs", "{}", 17);
  const Record second = records().at(0);
  const json::Value header(first.header);
  EXPECT_EQ(header.at("kind").string_or(""), "job.submit");
  EXPECT_EQ(header.at("role").string_or(""), "submit");
  EXPECT_EQ(header.at("rq").integer_or(0), 17);
  EXPECT_EQ(first.body, job("a"));
  EXPECT_EQ(second.header.find("role")->string_or(""), "observe");
  EXPECT_NE(first.header.find("peer")->integer_or(0), second.header.find("peer")->integer_or(0));
  // In the other order: each gets its own.
  tell({{{"kind", "answer"}, {"peer", *second.header.find("peer")}, {"rq", 17}}, "{\"b\":2}", ""});
  tell({{{"kind", "stream.data"}, {"peer", *first.header.find("peer")}, {"rq", 17}, {"offset", 3}},
        "{}",
        std::string("\0log", 4)});
  EXPECT_EQ(two.answer().body, "{\"b\":2}");
  const Answer data = one.answer();
  EXPECT_EQ(data.header.kind, "stream.data");
  EXPECT_EQ(data.header.all.find("offset")->integer_or(0), 3);
  EXPECT_EQ(data.header.all.find("peer"), nullptr);
  EXPECT_EQ(data.data, std::string("\0log", 4));
}

TEST_F(FrontTest, EachSocketServesItsKindsOnly) {
  Client jobs = client("jobs.sock");
  Client query = client("query.sock");
  Client admin = client("admin.sock");
  jobs.ask("query.jobs", "{}");
  EXPECT_EQ(jobs.refusal(), "refused");
  query.ask("job.submit", job("a"));
  EXPECT_EQ(query.refusal(), "refused");
  query.ask("stream.open", "{}");
  EXPECT_EQ(query.refusal(), "refused");
  for (const char* kind : {"input.open", "input.finish", "input.close", "terminal.resize"}) {
    query.ask(kind, "{}");
    EXPECT_EQ(query.refusal(), "refused") << kind;
  }
  query.ask("front.ready", "{}");
  EXPECT_EQ(query.refusal(), "invalid");
  admin.ask("query.jobs", "{}");
  EXPECT_THAT(kinds(), ElementsAre("query.jobs"));
  admin.ask("job.submit", job("a"));
  EXPECT_THAT(kinds(), ElementsAre("job.submit"));
}

TEST_F(FrontTest, DataForAProgramComeWithTheirPlace) {
  Client peer = client("streams.sock");
  const std::string bytes("\0\xff\n", 3);
  peer.send({write_header(kInputData, 8, {{"offset", 70'000}, {"role", "admin"}}), "{}", bytes});
  const Record come = records().at(0);
  EXPECT_EQ(come.header.find("offset")->integer_or(0), 70'000);
  EXPECT_EQ(come.header.find("role")->string_or(""), "submit");
  EXPECT_EQ(come.data, bytes);
  // Without bytes they ask whether the node is there.
  peer.send({write_header(kInputData, 8, {{"offset", 0}}), "{}"});
  EXPECT_EQ(records().at(0).data, "");
  const std::vector<std::vector<std::string>> bad = {
      {write_header(kInputData, 8), "{}", bytes},
      {write_header(kInputData, 8, {{"offset", -1}}), "{}", bytes},
      {write_header(kInputData, 8, {{"offset", "0"}}), "{}", bytes},
      {write_header(kInputData, 8, {{"offset", 0}}), "{}", std::string(kMostData + 1, 'd')},
      {write_header("input.open", 8), "{}", bytes},
      {write_header("job.submit", 8), job("a"), bytes}};
  for (const auto& frames : bad) {
    peer.send(frames);
    EXPECT_EQ(peer.refusal(), "invalid") << frames.at(0);
  }
}

TEST_F(FrontTest, WhatHasNoFormIsRefusedHereAndTheNextServed) {
  Client peer = client("admin.sock");
  const std::string header = write_header("job.submit", 5);
  const std::vector<std::vector<std::string>> bad = {
      {"hello"},
      {header},
      {"{}", "{}"},
      {"{\"v\":2,\"kind\":\"job.submit\",\"rq\":1}", job("a")},
      {std::string(kMostHeader + 1, ' '), "{}"},
      {header, ""},
      {header, "not json"},
      {header, R"({"id":"a","verb":"container.stop"})"},
      {header, std::string(10'000, '[')},
      {header, std::string(kMostBody + 1, ' ')},
      {header, std::string(std::size_t{64} << 20, 'x')},
      {write_header("stream.open", 5), "{}", std::string(kMostData + 1, 'd')},
      {header, job("a"), "", ""},
      {header, job("a"), "", "", "", "", ""},
      {"", "", "", ""}};
  for (const auto& frames : bad) {
    peer.send(frames);
    EXPECT_EQ(peer.refusal(), "invalid") << frames.at(0).substr(0, 80);
  }
  peer.ask("job.submit", job("b"));
  const auto come = records();
  ASSERT_EQ(come.size(), 1U);
  EXPECT_EQ(come.at(0).body, job("b"));
}

TEST_F(FrontTest, AFrameBeyondAllBoundsCostsItsSenderTheConnectionOnly) {
  Client good = client("query.sock");
  Client flood = client("query.sock");
  flood.send({write_header("query.jobs", 1), std::string((std::size_t{64} << 20) + 8192, 'x')});
  good.ask("query.jobs", "{}");
  EXPECT_THAT(kinds(), ElementsAre("query.jobs"));
}

TEST_F(FrontTest, EventsReachThoseWhoSubscribedToTheirTopic) {
  zmq::socket_t events(context_, zmq::socket_type::sub);
  events.set(zmq::sockopt::rcvtimeo, 20);
  events.set(zmq::sockopt::subscribe, "pve1.container.web-1.");
  events.connect("ipc://" + (folder_ / "events.sock").native());
  const auto publish = [&](const std::string& topic) {
    tell({{{"kind", "event"}, {"topic", topic}}, "{\"of\":\"" + topic + "\"}", ""});
  };
  // Until the subscription has arrived nothing is published to it.
  zmq::message_t topic;
  zmq::message_t body;
  bool come = false;
  for (int tries = 0; tries < 1000 && !come; ++tries) {
    publish("pve1.container.web-10.");
    publish("pve1.container.web-1.");
    come = events.recv(topic).has_value();
  }
  ASSERT_TRUE(come);
  ASSERT_TRUE(events.recv(body));
  EXPECT_EQ(topic.to_string(), "pve1.container.web-1.");
  EXPECT_EQ(body.to_string(), "{\"of\":\"pve1.container.web-1.\"}");
}

TEST_F(FrontTest, WhenDroverdDoesNotReadClientsAreToldToWait) {
  Client peer = client("query.sock");
  // A question of the largest size again and again: the pair and its queue hold some 16 MiB.
  const std::string question = "{" + std::string(kMostBody - 2, ' ') + "}";
  constexpr int kRequests = 200;
  for (int rq = 0; rq < kRequests; ++rq) {
    peer.ask("query.jobs", question, static_cast<std::uint64_t>(rq));
  }
  const Answer told = peer.answer();
  EXPECT_EQ(told.header.kind, "busy");
  EXPECT_GT(json::parse(told.body).value().at("retry_after_ms").integer_or(0), 0);
  // What was taken is there once droverd reads, in order; nothing was taken twice.
  std::int64_t last = -1;
  while (last < static_cast<std::int64_t>(told.header.rq) - 1) {
    for (const Record& record : records()) {
      EXPECT_GT(record.header.find("rq")->integer_or(-1), last);
      last = record.header.find("rq")->integer_or(-1);
    }
  }
  peer.ask("query.node", "{}", 9999);
  for (bool come = false; !come;) {
    for (const Record& record : records()) {
      come = come || record.header.find("rq")->integer_or(-1) == 9999;
    }
  }
}

TEST_F(FrontTest, AnswersToClientsThatLeftGoNowhere) {
  std::int64_t peer = 0;
  {
    Client gone = client("query.sock");
    gone.ask("query.jobs", "{}");
    peer = records().at(0).header.find("peer")->integer_or(0);
  }
  for (int i = 0; i < 100; ++i) {
    tell({{{"kind", "answer"}, {"peer", peer}, {"rq", i}}, "{}", ""});
  }
  tell({{{"kind", "answer"}, {"peer", 4711}, {"rq", 1}}, "{}", ""});
  Client next = client("query.sock");
  next.ask("query.jobs", "{}");
  EXPECT_THAT(kinds(), ElementsAre("query.jobs"));
}

TEST_F(FrontTest, ASecondFrontLeavesTheFirstItsSockets) {
  auto fds = Pair::make();
  ASSERT_TRUE(fds);
  system::RunOptions options;
  options.child.descriptors = {{fds->second.get(), 3}};
  const auto second = system::run(
      {DROVER_FRONT, "--directory", folder_.path().native(), "--fd", "3"}, stop_, options);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->ending.code, 1);
  EXPECT_THAT(second->err, HasSubstr("another drover-front serves"));
  Client peer = client("query.sock");
  peer.ask("query.jobs", "{}");
  EXPECT_THAT(kinds(), ElementsAre("query.jobs"));
}

TEST_F(FrontTest, AFolderThatOthersMayEnterIsRefused) {
  end();
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
  start();
  EXPECT_EQ(child_->wait(stop_, kLong).value().code, 1);
  child_.reset();
}

TEST_F(FrontTest, EndsWithDroverdAndStartsAgainOverItsOldSockets) {
  EXPECT_EQ(end().code, 0);
  start();
  EXPECT_THAT(kinds(), ElementsAre("front.ready"));
  Client peer = client("query.sock");
  peer.ask("query.jobs", "{}");
  EXPECT_THAT(kinds(), ElementsAre("query.jobs"));
}

}  // namespace
}  // namespace drover::messaging
