#include "messaging/dispatch/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <random>

#include "messaging/dispatch/fit.h"
#include "some_nodes.h"

namespace drover::dispatch {
namespace {

std::string job_id(std::size_t number) {
  return "job-" + std::to_string(number);
}

std::string chosen_name(const std::string& job, const JobNeeds& needs,
                        const std::vector<NodeFacts>& nodes) {
  const NodeFacts* node = choose({job, needs, {}}, candidates(nodes));
  return node == nullptr ? "" : node->name;
}

/// Places jobs one after the other, each on what the ones before have left; the names of nodes.
std::vector<std::string> place(std::size_t jobs, const JobNeeds& needs,
                               std::vector<NodeFacts>& nodes) {
  std::vector<std::string> chosen;
  for (std::size_t i = 0; i < jobs; ++i) {
    chosen.push_back(chosen_name(job_id(i), needs, nodes));
    for (NodeFacts& node : nodes) {
      if (node.name == chosen.back()) {
        reserve(node, needs, {job_id(i)});
      }
    }
  }
  return chosen;
}

std::map<std::string, std::size_t> counted(const std::vector<std::string>& names) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& name : names) {
    ++counts[name];
  }
  return counts;
}

TEST(Placement, ANodeThatGoesMovesOnlyTheJobsThatItHad) {
  constexpr std::size_t kJobs = 2000;
  constexpr std::size_t kNodes = 10;
  const std::vector<NodeFacts> nodes = roomy_nodes(kNodes);
  std::vector<NodeFacts> fewer = nodes;
  const std::string gone = fewer.at(3).name;
  fewer.erase(fewer.begin() + 3);
  std::size_t moved = 0;
  std::map<std::string, std::size_t> took;
  for (std::size_t i = 0; i < kJobs; ++i) {
    const std::string before = chosen_name(job_id(i), {}, nodes);
    const std::string after = chosen_name(job_id(i), {}, fewer);
    if (before == gone) {
      ++moved;
      ++took[after];
    } else {
      ASSERT_EQ(before, after) << job_id(i);
    }
  }
  // A tenth, of which each other node takes its ninth: binomial, within five deviations.
  EXPECT_NEAR(static_cast<double>(moved), kJobs / kNodes, 5 * 13.4);
  EXPECT_EQ(took.size(), kNodes - 1);
}

TEST(Placement, TheHashIsTheSameOnEveryMachineAndInEveryVersion) {
  const std::vector<NodeFacts> nodes = roomy_nodes(5);
  std::vector<std::string> chosen;
  for (std::size_t i = 0; i < 8; ++i) {
    chosen.push_back(chosen_name(job_id(i), {}, nodes));
  }
  EXPECT_EQ(chosen, (std::vector<std::string>{"n2", "n4", "n3", "n5", "n3", "n5", "n3", "n2"}));
}

TEST(Placement, TheOrderInWhichNodesAreGivenDecidesNothing) {
  std::vector<NodeFacts> nodes = roomy_nodes(12);
  nodes.at(2).reserved = Capacity{1000, 1024, 0};
  nodes.at(5).containers = {{"web", {{"app", "web"}}}};
  std::mt19937 random(7);
  for (const char* needs :
       {R"({})", R"({"cpus":1,"strategy":"spread"})", R"({"cpus":1,"strategy":"binpack"})",
        R"({"strategy":"spread"})", R"({"near":{"labels":"app=db"}})"}) {
    for (std::size_t i = 0; i < 20; ++i) {
      const std::string before = chosen_name(job_id(i), needs_of(needs), nodes);
      std::shuffle(nodes.begin(), nodes.end(), random);
      ASSERT_EQ(chosen_name(job_id(i), needs_of(needs), nodes), before) << needs;
    }
  }
}

TEST(Placement, TiesGoToManyNodesAndForOneJobToOne) {
  const std::vector<NodeFacts> nodes = roomy_nodes(4);
  for (const char* strategy : {"spread", "binpack"}) {
    const JobNeeds needs = needs_of(std::string(R"({"cpus":1,"strategy":")") + strategy + R"("})");
    std::map<std::string, std::size_t> counts;
    for (std::size_t i = 0; i < 200; ++i) {
      ++counts[chosen_name(job_id(i), needs, nodes)];
    }
    EXPECT_EQ(counts.size(), 4U) << strategy;
    EXPECT_EQ(chosen_name("job", needs, nodes), chosen_name("job", needs, nodes));
  }
}

TEST(Placement, BinpackFillsANodeBeforeItTakesTheNext) {
  std::vector<NodeFacts> nodes = roomy_nodes(5);
  const std::vector<std::string> chosen =
      place(20, needs_of(R"({"cpus":1,"memory_mib":512,"strategy":"binpack"})"), nodes);
  EXPECT_EQ(counted(chosen).size(), 3U);  // eight, eight and four
  for (std::size_t i = 1; i < chosen.size(); ++i) {
    EXPECT_TRUE(chosen[i] == chosen[i - 1] || i % 8 == 0) << i;
  }
  // A node that is used already is filled first.
  std::vector<NodeFacts> used = roomy_nodes(5);
  used.at(1).reserved = Capacity{4000, 0, 0};
  EXPECT_EQ(counted(place(4, needs_of(R"({"cpus":1,"strategy":"binpack"})"), used)),
            (std::map<std::string, std::size_t>{{"n2", 4}}));
}

TEST(Placement, SpreadKeepsNodesLevel) {
  std::vector<NodeFacts> nodes = roomy_nodes(5);
  for (const auto& [node, count] :
       counted(place(22, needs_of(R"({"memory_mib":256,"strategy":"spread"})"), nodes))) {
    EXPECT_TRUE(count == 4 || count == 5) << node << ": " << count;
  }
  // One that is used already gets none until the others are as full.
  std::vector<NodeFacts> used = roomy_nodes(3);
  used.at(0).reserved = Capacity{0, 4096, 0};
  EXPECT_EQ(counted(place(8, needs_of(R"({"memory_mib":1024,"strategy":"spread"})"), used)),
            (std::map<std::string, std::size_t>{{"n2", 4}, {"n3", 4}}));
  // The larger node takes more: shares are level, not counts.
  std::vector<NodeFacts> unlike = roomy_nodes(2);
  unlike.at(0).total.memory_mib = 3 * unlike.at(1).total.memory_mib;
  const auto counts =
      counted(place(16, needs_of(R"({"memory_mib":512,"strategy":"spread"})"), unlike));
  EXPECT_EQ(counts.at("n1"), 12U);
  EXPECT_EQ(counts.at("n2"), 4U);
}

TEST(Placement, SpreadCountsContainersOfJobsThatNeedNothing) {
  std::vector<NodeFacts> nodes = roomy_nodes(3);
  for (const auto& [node, count] : counted(place(9, needs_of(R"({"strategy":"spread"})"), nodes))) {
    EXPECT_EQ(count, 3U) << node;
  }
}

TEST(Placement, AffinityWeighsLabelsAndNeighbours) {
  std::vector<NodeFacts> nodes = roomy_nodes(4);
  nodes.at(0).labels = {{"disk", "ssd"}};
  nodes.at(1).labels = {{"disk", "ssd"}, {"zone", "b"}};
  nodes.at(2).containers = {{"db", {{"app", "db"}}}};
  nodes.at(3).containers = {{"web-1", {{"app", "web"}}}};
  const auto at = [&nodes](std::string_view needs) {
    return chosen_name("job", needs_of(needs), nodes);
  };
  EXPECT_EQ(at(R"({"prefer":[{"labels":"disk=ssd"},{"labels":"zone=b","weight":10}]})"), "n2");
  EXPECT_EQ(at(R"({"prefer":[{"labels":"disk=ssd"},{"labels":"zone=b","weight":-10}]})"), "n1");
  EXPECT_EQ(at(R"({"near":{"labels":"app=db"}})"), "n3");
  EXPECT_EQ(at(R"({"near":{"labels":"app=db"},"prefer":[{"labels":"disk=ssd"}]})"), "n3");
  EXPECT_NE(at(R"({"apart":{"labels":"app=web"}})"), "n4");
  // A wish, and no must: where all others are drained it goes beside the one it would be apart
  // from.
  for (std::size_t i = 0; i < 3; ++i) {
    nodes.at(i).drained = true;
  }
  EXPECT_EQ(at(R"({"apart":{"labels":"app=web"}})"), "n4");
  EXPECT_EQ(at(R"({"apart":{"labels":"app=web","must":true}})"), "");
}

TEST(Placement, ANodeThatRefusedIsNotAskedAgain) {
  const std::vector<NodeFacts> nodes = roomy_nodes(3);
  PlacementQuestion question{"job", {}, {}};
  const Plan first = plan(question, candidates(nodes));
  for (std::size_t asked = 0; asked < nodes.size(); ++asked) {
    const NodeFacts* node = choose(question, candidates(nodes));
    ASSERT_NE(node, nullptr);
    EXPECT_EQ(node->name, first.nodes.at(asked).node);  // the plan's order
    question.refusals.emplace(node->name, "container web exists");
  }
  EXPECT_EQ(choose(question, candidates(nodes)), nullptr);
  const Plan last = plan(question, candidates(nodes));
  EXPECT_EQ(last.chosen(), "");
  EXPECT_EQ(last.nodes.at(0).why_not,
            std::vector<std::string>{"has refused the job: container web exists"});
}

TEST(Placement, APlanTellsOfEveryNode) {
  std::vector<NodeFacts> nodes = roomy_nodes(4);
  nodes.at(0).drained = true;
  nodes.at(1).reserved = Capacity{4000, 0, 0};
  nodes.at(3).liveness = Liveness::suspect;
  const Plan planned =
      plan({"job", needs_of(R"({"cpus":2,"strategy":"spread"})"), {}}, candidates(nodes));
  EXPECT_EQ(planned.chosen(), "n3");
  EXPECT_EQ(
      json::write(to_json(planned)),
      R"({"job":"job","strategy":"spread","chosen":"n3","nodes":[)"
      R"({"node":"n3","fits":true,"score":-250000},)"
      R"({"node":"n2","fits":true,"score":-750000},)"
      R"({"node":"n1","fits":false,"why_not":["is drained"]},)"
      R"({"node":"n4","fits":false,"why_not":["is suspect: its last heartbeats are missing"]}]})");
  EXPECT_EQ(json::write(to_json(plan({"job", {}, {}}, {}))),
            R"({"job":"job","strategy":"hash","chosen":null,"nodes":[]})");
}

TEST(Placement, APlanChoosesWhatIsChosen) {
  std::mt19937 random(11);
  const auto below = [&random](std::size_t bound) {
    return static_cast<std::int64_t>(random() % bound);
  };
  for (std::size_t round = 0; round < 300; ++round) {
    std::vector<NodeFacts> nodes = roomy_nodes(static_cast<std::size_t>(1 + below(8)));
    for (NodeFacts& node : nodes) {
      node.drained = below(5) == 0;
      node.reserved = Capacity{below(10) * 1000, below(10) * 1024, 0};
      node.labels = {{"zone", below(2) == 0 ? "a" : "b"}};
      node.containers.resize(static_cast<std::size_t>(below(3)),
                             ContainerFacts{"web", {{"app", "web"}}});
    }
    static constexpr std::array<std::string_view, 5> kNeeds = {
        R"({"cpus":1})", R"({"cpus":2,"memory_mib":1024,"strategy":"spread"})",
        R"({"cpus":1,"labels":"zone=a","strategy":"binpack"})",
        R"({"prefer":[{"labels":"zone=a"}],"apart":{"labels":"app=web"}})",
        R"({"near":{"labels":"app=web","must":true}})"};
    PlacementQuestion question{
        job_id(round), needs_of(kNeeds.at(static_cast<std::size_t>(below(kNeeds.size())))), {}};
    if (below(3) == 0) {
      question.refusals.emplace("n1", "busy");
    }
    const NodeFacts* chosen = choose(question, candidates(nodes));
    const Plan planned = plan(question, candidates(nodes));
    ASSERT_EQ(planned.chosen(), chosen == nullptr ? "" : chosen->name);
    ASSERT_EQ(planned.nodes.size(), nodes.size());
  }
}

TEST(Placement, AThousandNodesAndAHundredJobsAreCheap) {
  std::vector<NodeFacts> nodes = roomy_nodes(1000);
  for (std::size_t i = 0; i < nodes.size(); i += 2) {
    nodes[i].labels = {{"role", "web"}};
  }
  const JobNeeds needs = needs_of(R"({"cpus":1,"labels":"role=web","strategy":"spread"})");
  const std::clock_t begin = std::clock();  // of this process: load elsewhere does not count
  const std::vector<std::string> chosen = place(100, needs, nodes);
  for (std::size_t i = 0; i < 10; ++i) {
    ASSERT_EQ(plan({job_id(i), needs, {}}, candidates(nodes)).nodes.size(), nodes.size());
  }
  EXPECT_EQ(counted(chosen).size(), 100U);
  // Some tenths of a second where nothing is optimised.
  EXPECT_LT(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, 5.0);
}

}  // namespace
}  // namespace drover::dispatch
