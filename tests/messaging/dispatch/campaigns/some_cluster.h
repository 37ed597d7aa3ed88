// A cluster for tests of campaigns: nodes that do a job once by its id, and dispatchers that end at
// any moment, on a clock that is moved by hand.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fakes/fake_clock.h"
#include "messaging/dispatch/campaigns/campaigns.h"

namespace drover::dispatch {

/// Items j1 and on; `node` names the node of each, "" where it is placed.
inline CampaignOrder some_campaign(std::size_t items, std::size_t concurrency,
                                   const std::function<std::string(std::size_t)>& node) {
  json::Array order;
  json::Array jobs;
  for (std::size_t i = 1; i <= items; ++i) {
    const std::string id = "j" + std::to_string(i);
    json::Object item{{"job", id}};
    if (const std::string its = node(i); !its.empty()) {
      item.set("node", its);
    }
    order.emplace_back(std::move(item));
    jobs.emplace_back(json::Object{{"id", id}, {"verb", "container.start"}, {"target", "web"}});
  }
  Result<CampaignOrder> read = read_campaign_order(
      json::Object{{"order", json::Object{{"id", "roll"},
                                          {"items", std::move(order)},
                                          {"concurrency", static_cast<std::int64_t>(concurrency)}}},
                   {"jobs", std::move(jobs)}});
  EXPECT_TRUE(read) << (read ? "" : read.error().message);
  read->by = "alice";
  read->role = "submit";
  return *read;
}
inline std::string on_n1(std::size_t) {
  return "n1";
}
inline std::string anywhere(std::size_t) {
  return "";
}

struct FakeNodeOfCluster {
  Liveness liveness = Liveness::alive;
  std::optional<Error> refuses{};             ///< all that is new
  std::map<std::string, std::string> jobs{};  ///< their states
  std::map<std::string, int> seconds{};       ///< that those that run still take
  std::set<std::string> fail{};               ///< jobs that will
};

class SomeDispatcher;

/// What goes on when dispatchers do not.
struct SomeCluster {
  fakes::FakeClock clock;
  std::map<std::string, FakeNodeOfCluster> nodes{};
  std::map<std::string, int> begun{};        ///< by job: how often, on all nodes
  std::deque<std::function<void()>> wire{};  ///< on the way
  std::vector<SomeDispatcher*> dispatchers{};
  std::size_t next_node = 0;

  explicit SomeCluster(std::vector<std::string> names) {
    for (std::string& name : names) {
      nodes[std::move(name)];
    }
  }
  std::size_t running() const {
    std::size_t count = 0;
    for (const auto& [name, node] : nodes) {
      count += node.seconds.size();
    }
    return count;
  }
  std::string node_of(const std::string& job) const {
    for (const auto& [name, node] : nodes) {
      if (node.jobs.contains(job)) {
        return name;
      }
    }
    return "";
  }
  inline void tell_end(const std::string& node, const std::string& job);
  /// A second: what is on the way arrives, jobs go on, dispatchers tick.
  inline void second();
  inline void change(const std::string& node, NodeChange::What what, Liveness liveness);
};

/// Where a node's answer goes. What is on the wire may outlive the dispatcher that has sent it; of
/// one that is gone the answer is lost.
struct Home {
  SomeCluster& cluster;
  int number;

  inline void back(std::function<void(Campaigns&)> tell) const;
  void report(const std::string& name, const std::string& id, const FakeNodeOfCluster& node) const {
    back([name, id, state = node.jobs.at(id)](Campaigns& it) { it.heard(name, id, state, ""); });
  }
};

/// A process with a Campaigns in it.
class SomeDispatcher {
 public:
  SomeDispatcher(SomeCluster& cluster, CampaignStore& store, CampaignLimits limits = {})
      : cluster_(cluster), store_(store) {
    cluster_.dispatchers.push_back(this);
    campaigns_.emplace(cluster.clock, ports(), limits);
    pump();
  }
  ~SomeDispatcher() { std::erase(cluster_.dispatchers, this); }
  SomeDispatcher(const SomeDispatcher&) = delete;
  SomeDispatcher& operator=(const SomeDispatcher&) = delete;

  Campaigns& campaigns() { return *campaigns_; }
  bool is_dead() const { return dead; }
  int number() const { return number_; }
  /// Does what waits for the store, until nothing does.
  void pump() {
    while (!works_.empty() && !dead && !stopped) {
      const StoreWork work = std::move(works_.front());
      works_.pop_front();
      const std::function<void()> then = work(store_);
      if (!dead) {
        then();
      }
    }
  }
  Campaigns::Answer answer() {
    return [this](Result<json::Value> answer) { answers.push_back(std::move(answer)); };
  }
  json::Value shown(const std::string& id = "roll") {
    const Result<json::Value> shown = campaigns_->show(id, "");
    return shown ? shown->at("batch") : json::Value(shown.error().message);
  }
  std::string outcome() { return std::string(shown().at("outcome").string_or("")); }
  std::int64_t count(const char* state) { return shown().at("items").at(state).integer_or(-1); }

  std::vector<Result<json::Value>> answers{};
  std::vector<std::string> told{};
  std::vector<std::string> faults{};
  std::vector<std::string> sent{};  ///< "j1 n1"
  bool dead = false;                ///< killed: nothing of it has any effect any more
  bool stopped = false;             ///< SIGSTOP of what asks the store

 private:
  CampaignPorts ports() {
    CampaignPorts ports;
    ports.in_store = [this](StoreWork work) { works_.push_back(std::move(work)); };
    ports.holds = [this] { return store_.holds(); };
    ports.send = [this](const CampaignJob& job) {
      EXPECT_EQ(job.by, "alice");
      sent.push_back(job.id + " " + job.node);
      to_node(job, [home = home(), id = job.id, name = job.node](FakeNodeOfCluster& node) {
        if (!node.jobs.contains(id)) {
          if (node.refuses) {
            home.back(
                [name, id, error = *node.refuses](Campaigns& it) { it.refused(name, id, error); });
            return;
          }
          ++home.cluster.begun[id];
          node.jobs[id] = "running";
          node.seconds[id] = 2;
        }
        home.report(name, id, node);
      });
    };
    ports.ask = [this](const CampaignJob& job) {
      to_node(job, [home = home(), id = job.id, name = job.node](FakeNodeOfCluster& node) {
        if (node.jobs.contains(id)) {
          home.report(name, id, node);
        } else {
          home.back([name, id](Campaigns& it) { it.unknown(name, id); });
        }
      });
    };
    ports.cancel = [this](const CampaignJob& job) {
      to_node(job, [home = home(), id = job.id, name = job.node](FakeNodeOfCluster& node) {
        if (node.seconds.erase(id) != 0) {
          node.jobs[id] = "cancelled";
          home.cluster.tell_end(name, id);
        }
      });
    };
    // Never twice the same node in a row: who places a job again has it elsewhere.
    ports.place = [this](const PlacementQuestion& question) -> Result<std::string> {
      for (std::size_t i = 0; i < cluster_.nodes.size(); ++i) {
        const auto node =
            std::next(cluster_.nodes.begin(),
                      static_cast<std::ptrdiff_t>(cluster_.next_node++ % cluster_.nodes.size()));
        if (node->second.liveness == Liveness::alive && !question.refusals.contains(node->first)) {
          return node->first;
        }
      }
      return fail(Code::unavailable, "no node fits");
    };
    ports.liveness = [this](const std::string& node) -> std::optional<Liveness> {
      const auto found = cluster_.nodes.find(node);
      return found == cluster_.nodes.end() ? std::nullopt : std::optional(found->second.liveness);
    };
    ports.tell = [this](std::string_view what, const std::string& id, const json::Value&) {
      told.push_back(std::string(what) + " " + id);
    };
    ports.fault = [this](const Error& error) { faults.push_back(error.message); };
    return ports;
  }
  void to_node(const CampaignJob& job, std::function<void(FakeNodeOfCluster&)> at_node) {
    if (!dead) {
      cluster_.wire.push_back([&cluster = cluster_, name = job.node, at_node] {
        FakeNodeOfCluster& node = cluster.nodes.at(name);
        if (node.liveness == Liveness::alive) {
          at_node(node);
        }
      });
    }
  }
  Home home() { return {cluster_, number_}; }

  static inline int last_number = 0;
  const int number_ = ++last_number;
  SomeCluster& cluster_;
  CampaignStore& store_;
  std::deque<StoreWork> works_{};
  std::optional<Campaigns> campaigns_{};
};

void Home::back(std::function<void(Campaigns&)> tell) const {
  cluster.wire.push_back([&all = cluster, whose = number, tell = std::move(tell)] {
    for (SomeDispatcher* one : all.dispatchers) {
      if (one->number() == whose && !one->dead) {
        tell(one->campaigns());
        one->pump();
      }
    }
  });
}

void SomeCluster::tell_end(const std::string& node, const std::string& job) {
  for (SomeDispatcher* one : dispatchers) {
    if (!one->dead) {
      one->campaigns().heard(node, job, nodes.at(node).jobs.at(job), "it did not work");
      one->pump();
    }
  }
}

void SomeCluster::second() {
  clock.advance(std::chrono::seconds(1));
  for (std::deque<std::function<void()>> arriving = std::exchange(wire, {}); !arriving.empty();) {
    arriving.front()();
    arriving.pop_front();
    if (arriving.empty()) {
      arriving = std::exchange(wire, {});
    }
  }
  for (auto& [name, node] : nodes) {
    std::vector<std::string> ended;
    for (auto& [job, left] : node.seconds) {
      if (--left == 0) {
        ended.push_back(job);
      }
    }
    for (const std::string& job : ended) {
      node.seconds.erase(job);
      node.jobs[job] = node.fail.contains(job) ? "failed" : "succeeded";
      if (node.liveness == Liveness::alive) {
        tell_end(name, job);
      }
    }
  }
  for (SomeDispatcher* one : std::vector<SomeDispatcher*>(dispatchers)) {
    if (!one->dead) {
      one->campaigns().tick();
      one->pump();
    }
  }
}

void SomeCluster::change(const std::string& node, NodeChange::What what, Liveness liveness) {
  nodes.at(node).liveness = liveness;
  for (SomeDispatcher* one : dispatchers) {
    one->campaigns().node_changed(NodeChange{what, node});
    one->pump();
  }
}

}  // namespace drover::dispatch
