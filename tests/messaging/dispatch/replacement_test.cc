#include "messaging/dispatch/replacement.h"

#include <gtest/gtest.h>

#include "messaging/dispatch/singletons.h"
#include "some_agents.h"
#include "some_nodes.h"

namespace drover::dispatch {
namespace {

TEST(Replacement, IsSafeOnlyByAClaimThatIsLostOrByOrder) {
  using enum Claim;
  for (const Liveness liveness : {Liveness::alive, Liveness::suspect, Liveness::dead}) {
    for (const Claim claim : {none, held, lost, unknown}) {
      for (const bool by_order : {false, true}) {
        NodeFacts node = roomy_node("n1");
        node.liveness = liveness;
        const bool safe =
            liveness == Liveness::dead && (claim == lost || (claim == none && by_order));
        const Result<> answer = check_replacement("web", node, claim, by_order);
        EXPECT_EQ(answer.has_value(), safe)
            << to_string(liveness) << " " << static_cast<int>(claim) << " " << by_order;
        if (!answer) {
          const bool waits =
              liveness == Liveness::suspect || (liveness == Liveness::dead && claim == unknown);
          EXPECT_EQ(answer.error().code, waits ? Code::unavailable : Code::refused);
          EXPECT_TRUE(answer.error().message.starts_with("place web anew: "));
          EXPECT_NE(answer.error().message.find("node n1"), std::string::npos);
        }
      }
    }
  }
}

TEST(Replacement, WithoutAClaimItSaysHowItIsOrdered) {
  NodeFacts node = roomy_node("n1");
  node.liveness = Liveness::dead;
  EXPECT_NE(check_replacement("web", node, Claim::none, false)
                .error()
                .message.find("--replace-unreachable"),
            std::string::npos);
}

TEST(Replacement, IsOfEveryDeadNodeThatHasIt) {
  TickingLedger clocked;
  for (const char* name : {"n1", "n2"}) {
    SomeAgent agent(name);
    agent.facts.containers = {ContainerFacts{"web"}};
    ASSERT_TRUE(clocked.ledger.hello(agent.hello(), clocked.now));
  }
  const auto ask = [&](const char* id) {
    return nodes_to_replace(id, clocked.ledger, Claim::none, true);
  };
  EXPECT_EQ(ask("web").error().code, Code::refused) << "its nodes are there";
  EXPECT_EQ(ask("db").error().code, Code::not_found);
  clocked.pass(10);
  const auto nodes = ask("web");
  ASSERT_TRUE(nodes) << nodes.error().message;
  EXPECT_EQ(*nodes, (std::vector<std::string>{"n1", "n2"}));
}

TEST(Singletons, AreRefusedWhereTwoDispatchersHaveNoEtcd) {
  EXPECT_TRUE(check_singletons(1, false));
  EXPECT_TRUE(check_singletons(3, true));
  const Result<> refused = check_singletons(2, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_NE(refused.error().message.find("2 dispatchers and no etcd"), std::string::npos);
}

TEST(Singletons, AgentsSayHowManyDispatchersThereAre) {
  TickingLedger clocked;
  SomeAgent one("n1");
  SomeAgent two("n2");
  ASSERT_TRUE(clocked.ledger.hello(one.hello(), clocked.now));
  ASSERT_TRUE(clocked.ledger.hello(two.hello(), clocked.now));
  EXPECT_EQ(clocked.ledger.dispatchers(), 1U);
  Heartbeat heartbeat = two.heartbeat();
  heartbeat.dispatchers = 2;
  const auto read = read_heartbeat(to_json(heartbeat), heartbeat.sender.key);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, heartbeat);
  clocked.ledger.heartbeat(*read, clocked.now);
  EXPECT_EQ(clocked.ledger.dispatchers(), 2U);
  ASSERT_TRUE(clocked.ledger.hello(two.hello(), clocked.now));
  EXPECT_EQ(clocked.ledger.dispatchers(), 2U) << "a HELLO does not say";
  clocked.pass(10);
  EXPECT_EQ(clocked.ledger.dispatchers(), 1U) << "of dead nodes it does not count";
}

}  // namespace
}  // namespace drover::dispatch
