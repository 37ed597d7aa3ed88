#include "messaging/dispatch/campaigns/drains.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "fakes/fake_clock.h"

namespace drover::dispatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Nodes with containers, which do each job once and at once, when it arrives.
class DrainsTest : public testing::Test {
 protected:
  struct Node {
    NodeFacts facts{};
    std::map<std::string, json::Value> containers{};
    std::map<std::string, std::string> jobs{};  ///< their states
    bool takes = true;
  };

  DrainsTest() {
    for (const char* name : {"n1", "n2", "n3"}) {
      nodes_[name].facts.name = name;
    }
  }
  void add(const std::string& node, const std::string& name, const char* spec,
           const char* status = "running") {
    nodes_[node].containers[name] = json::Object{{"name", name},
                                                 {"runtime", "crun"},
                                                 {"status", status},
                                                 {"job", "job-of-" + name},
                                                 {"spec", json::parse(spec).value()}};
    nodes_[node].facts.containers.push_back(ContainerFacts{name});
  }
  DrainPorts ports() {
    DrainPorts ports;
    ports.send = [this](const std::string& node, const std::string& job, const std::string& body,
                        const Orderer& orderer) {
      EXPECT_EQ(orderer.by, "alice");
      wire_.push_back([=, this] { do_job(node, job, json::parse(body).value()); });
    };
    ports.ask = [this](const std::string& node, const std::string& name, const Orderer&) {
      wire_.push_back([=, this] {
        const auto& containers = nodes_[node].containers;
        const auto found = containers.find(name);
        if (found != containers.end()) {
          drains_.container(node, name, found->second);
        }
      });
    };
    ports.place = [this](const PlacementQuestion& question) -> Result<std::string> {
      for (const auto& [name, node] : nodes_) {
        if (!question.refusals.contains(name) && node.facts.liveness == Liveness::alive) {
          return name;
        }
      }
      return fail(Code::unavailable, "no node fits");
    };
    ports.facts = [this](const std::string& node) {
      const auto found = nodes_.find(node);
      return found == nodes_.end() ? nullptr : &found->second.facts;
    };
    ports.elsewhere = [this](const std::string& name, const std::string& than) {
      for (const auto& [node, its] : nodes_) {
        if (node != than && its.containers.contains(name)) {
          return node;
        }
      }
      return std::string();
    };
    ports.ended = [this](const std::string& node, const json::Value&) { ended_.push_back(node); };
    return ports;
  }
  void do_job(const std::string& name, const std::string& id, const json::Value& job) {
    Node& node = nodes_[name];
    if (const auto known = node.jobs.find(id); known != node.jobs.end()) {
      drains_.heard(name, id, known->second, "");
      return;
    }
    const std::string verb(job.at("verb").string_or(""));
    const std::string target(job.at("target").string_or(""));
    done_.push_back(name + " " + verb + " " + target);
    if (verb == "container.run" && !node.takes) {
      drains_.refused(name, id, Error{Code::conflict, "is drained", {}});
      return;
    }
    if (verb == "container.run") {
      node.containers[target] = json::Object{{"status", "running"}};
    } else if (verb == "container.delete") {
      node.containers.erase(target);
    }
    node.jobs[id] = "succeeded";
    least_running_ = std::min(least_running_, running("web"));
    drains_.heard(name, id, "succeeded", "");
  }
  std::size_t running(const std::string& name) const {
    std::size_t count = 0;
    for (const auto& [node, its] : nodes_) {
      count += its.containers.count(name);
    }
    return count;
  }
  void deliver() {
    while (!wire_.empty()) {
      const auto message = std::move(wire_.front());
      wire_.pop_front();
      message();
    }
  }
  json::Value order(const std::string& node = "n1", bool move = true) {
    std::optional<Result<json::Value>> answered;
    drains_.order(node, move, {"alice", "admin"},
                  [&answered](Result<json::Value> answer) { answered = std::move(answer); });
    deliver();
    EXPECT_TRUE(answered);
    return !answered   ? json::Value()
           : *answered ? **answered
                       : json::Value(answered->error().message);
  }
  fakes::FakeClock clock_;
  std::map<std::string, Node> nodes_;
  std::deque<std::function<void()>> wire_;
  std::vector<std::string> done_;
  std::vector<std::string> ended_;
  std::size_t least_running_ = 9;
  Drains drains_{clock_, ports()};
};

TEST_F(DrainsTest, BeginsElsewhereBeforeItEndsHere) {
  add("n1", "web", R"({"image":"oci:/web","resources":{"memory_mib":64}})");
  const json::Value answer = order();
  EXPECT_TRUE(answer.at("drained").boolean_or(false));
  EXPECT_EQ(answer.at("moves").array()->at(0).at("container").string_or(""), "web");
  EXPECT_THAT(done_, ElementsAre("n1 node.drain n1", "n2 container.run web",
                                 "n1 container.stop web", "n1 container.delete web"));
  EXPECT_EQ(least_running_, 1U) << "it was never away";
  EXPECT_THAT(ended_, ElementsAre("n1"));
  EXPECT_EQ(running("web"), 1U);
}

TEST_F(DrainsTest, SaysWhatStaysAndWhy) {
  add("n1", "db", R"({"volumes":[{"name":"data","target":"/d"}],
                      "networks":[{"bridge":"b","address":"10.0.0.2/24"}]})");
  add("n1", "idle", R"({"image":"oci:/x"})", "stopped");
  add("n1", "bound", R"({"mounts":[{"kind":"bind","source":"/srv","target":"/srv"}]})");
  add("n1", "once", R"({"singleton":true})");
  const json::Value answer = order();
  EXPECT_THAT(done_, ElementsAre("n1 node.drain n1"));
  std::map<std::string, std::string> why;
  for (const json::Value& move : *answer.at("moves").array()) {
    EXPECT_EQ(move.at("state").string_or(""), "stays");
    why[std::string(move.at("container").string_or(""))] = move.at("why").string_or("");
  }
  EXPECT_THAT(why["db"], HasSubstr("volumes"));
  EXPECT_THAT(why["db"], HasSubstr("10.0.0.2/24"));
  EXPECT_THAT(why["idle"], HasSubstr("does not run"));
  EXPECT_THAT(why["bound"], HasSubstr("/srv of its node"));
  EXPECT_THAT(why["once"], HasSubstr("once in the cluster"));
}

TEST_F(DrainsTest, WhatOneNodeRefusesGoesToTheNextAndStaysWhenNoneTakesIt) {
  add("n1", "web", R"({"image":"oci:/web"})");
  nodes_["n2"].takes = false;
  order();
  EXPECT_TRUE(nodes_["n3"].containers.contains("web"));
  EXPECT_FALSE(nodes_["n1"].containers.contains("web"));

  nodes_["n3"].takes = false;
  nodes_["n2"].facts.containers.clear();
  add("n2", "api", R"({"image":"oci:/api"})");
  nodes_["n1"].takes = false;
  order("n2");
  EXPECT_TRUE(nodes_["n2"].containers.contains("api")) << "it stays where it is";
}

TEST_F(DrainsTest, WithoutMoveTheNodeIsDrainedAlone) {
  add("n1", "web", R"({"image":"oci:/web"})");
  EXPECT_TRUE(order("n1", false).at("done").boolean_or(false));
  EXPECT_THAT(done_, ElementsAre("n1 node.drain n1"));
  EXPECT_THAT(order("n9").string_or(""), HasSubstr("not known"));
}

TEST_F(DrainsTest, WhatIsLostOnTheWayIsSentAgainAndDoneOnce) {
  add("n1", "web", R"({"image":"oci:/web"})");
  drains_.order("n1", true, {"alice", "admin"}, [](const Result<json::Value>&) {});
  for (int i = 0; i < 100 && ended_.empty(); ++i) {
    if (i % 3 == 0) {
      wire_.clear();
    }
    if (!wire_.empty()) {
      const auto message = std::move(wire_.front());
      wire_.pop_front();
      message();
    }
    clock_.advance(std::chrono::seconds(5));
    drains_.tick();
  }
  EXPECT_THAT(ended_, ElementsAre("n1"));
  EXPECT_EQ(std::set<std::string>(done_.begin(), done_.end()).size(), done_.size());
}

TEST_F(DrainsTest, OfNodesThatDieItSaysWhatMayRunTwice) {
  add("n1", "web", R"({"image":"oci:/web"})");
  drains_.order("n1", true, {"alice", "admin"}, [](const Result<json::Value>&) {});
  // Drained, and the container asked for: then the job for n2 is on the way.
  for (int i = 0; i < 2; ++i) {
    const auto message = std::move(wire_.front());
    wire_.pop_front();
    message();
  }
  wire_.clear();
  nodes_["n2"].facts.liveness = Liveness::dead;
  drains_.tick();
  EXPECT_THAT(ended_, ElementsAre("n1"));
  EXPECT_TRUE(nodes_["n1"].containers.contains("web"));
}

TEST_F(DrainsTest, AnotherDispatcherGoesOnWhereItWas) {
  add("n1", "web", R"({"image":"oci:/web"})");
  nodes_["n3"].containers["web"] = json::Object{{"status", "running"}};
  order();
  EXPECT_THAT(done_, testing::Contains("n3 container.run web")) << "where it has begun";
  EXPECT_FALSE(nodes_["n1"].containers.contains("web"));
}

}  // namespace
}  // namespace drover::dispatch
