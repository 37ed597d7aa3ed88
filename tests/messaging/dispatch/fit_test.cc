#include "messaging/dispatch/fit.h"

#include <gtest/gtest.h>

#include "some_nodes.h"

namespace drover::dispatch {
namespace {

using Reasons = std::vector<std::string>;

/// Why not, and that the short way of asking says the same.
Reasons reasons(std::string_view needs, const NodeFacts& node) {
  Reasons why_not;
  const bool fit = fits(needs_of(needs), node, &why_not);
  EXPECT_EQ(fit, why_not.empty());
  EXPECT_EQ(fits(needs_of(needs), node), fit);
  return why_not;
}

TEST(Fit, EveryNeedHasItsReasonInPlainWords) {
  NodeFacts node = roomy_node("n1");
  node.reserved = Capacity{7500, 8000, 102'400};
  node.labels = {{"zone", "a"}};
  EXPECT_EQ(reasons("{}", node), Reasons{});
  EXPECT_EQ(reasons(R"({"cpus":0.5,"memory_mib":192,"runtime":"crun","storages":["local"],
                        "bridges":["vmbr0"],"labels":"zone=a"})",
                    node),
            Reasons{});
  EXPECT_EQ(reasons(R"({"cpus":0.6,"memory_mib":193,"disk_mib":1,"runtime":"lxc",
                        "storages":["local","tank"],"bridges":["vmbr9"],"labels":"zone=b"})",
                    node),
            (Reasons{"has 0.5 of the 0.6 CPUs free that are needed",
                     "has 192 of the 193 MiB of memory free that are needed",
                     "has 0 of the 1 MiB of disk free that are needed",
                     "has not the runtime lxc; it has crun, runc", "has no storage tank",
                     "has no bridge vmbr9", "its labels do not fit zone=b"}));
}

TEST(Fit, NodesThatTakeNothingSayWhy) {
  NodeFacts node = roomy_node("n1");
  node.drained = true;
  node.quorate = false;
  node.liveness = Liveness::suspect;
  EXPECT_EQ(reasons("{}", node),
            (Reasons{"is suspect: its last heartbeats are missing", "is drained",
                     "its Proxmox cluster has no quorum there"}));
  node = roomy_node("n1");
  node.liveness = Liveness::dead;
  EXPECT_EQ(reasons("{}", node), Reasons{"is dead: nothing has been heard of it for some seconds"});
}

TEST(Fit, AJobThatNeedsNothingFitsWhereMoreWasGivenThanThereIs) {
  NodeFacts node = roomy_node("n1");
  node.reserved = Capacity{16'000, 16'384, 0};
  EXPECT_EQ(reasons("{}", node), Reasons{});
  EXPECT_EQ(free_of(node), (Capacity{0, 0, 102'400}));
  EXPECT_EQ(reasons(R"({"cpus":1})", node), Reasons{"has 0 of the 1 CPUs free that are needed"});
}

TEST(Fit, NeighboursThatMustBeThereOrMustNot) {
  NodeFacts node = roomy_node("n1");
  node.containers = {{"web-1", {{"app", "web"}}}, {"web-2", {{"app", "web"}}}};
  EXPECT_EQ(reasons(R"({"near":{"labels":"app=web","must":true}})", node), Reasons{});
  EXPECT_EQ(reasons(R"({"apart":{"labels":"app=db","must":true}})", node), Reasons{});
  EXPECT_EQ(reasons(R"({"near":{"labels":"app=db"},"apart":{"labels":"app=web"}})", node),
            Reasons{});
  EXPECT_EQ(reasons(R"({"near":{"labels":"app=db","must":true},
                        "apart":{"labels":"app=web","must":true}})",
                    node),
            (Reasons{"has no container of app=db, which the job must be near to",
                     "has 2 containers of app=web, which the job must be apart from"}));
  EXPECT_EQ(reasons(R"({"apart":{"labels":"name=web-2","must":true}})", node),
            Reasons{"has a container of name=web-2, which the job must be apart from"});
}

TEST(Fit, WhatIsReservedIsFreeNoMore) {
  NodeFacts node = roomy_node("n1");
  const JobNeeds needs = needs_of(R"({"cpus":0.1,"memory_mib":1024,"disk_mib":10})");
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(fits(needs, node)) << i;
    reserve(node, needs, {"c" + std::to_string(i)});
  }
  EXPECT_FALSE(fits(needs, node));
  EXPECT_EQ(node.reserved, (Capacity{800, 8192, 80}));
  EXPECT_EQ(node.containers.size(), 8U);
}

}  // namespace
}  // namespace drover::dispatch
