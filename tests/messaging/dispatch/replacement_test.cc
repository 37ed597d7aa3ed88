#include "messaging/dispatch/replacement.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace drover::dispatch
