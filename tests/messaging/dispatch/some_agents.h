// Agents for tests of the ledger, and a clock that stands still until it is moved.
#pragma once

#include <string>
#include <vector>

#include "messaging/dispatch/ledger.h"
#include "some_nodes.h"

namespace drover::dispatch {

/// What an agent would tell, with its numbers.
class SomeAgent {
 public:
  explicit SomeAgent(std::string node) : facts(roomy_node(std::move(node))) {}

  Sender sender() const { return Sender{facts.name, key, epoch}; }
  Hello hello() const { return Hello{sender(), seq, facts, jobs}; }
  Heartbeat heartbeat() const {
    return Heartbeat{sender(), seq, facts.reserved, facts.drained, facts.quorate};
  }
  /// Numbers it; what becomes of `facts` and `jobs` is the test's.
  ThingChange change(ThingKind kind, std::string id, std::string state) {
    return ThingChange{sender(), ++seq, kind, std::move(id), std::move(state), {}};
  }

  NodeFacts facts;
  std::vector<JobFacts> jobs{};
  std::string key = "agents";
  std::string epoch = "e1";
  std::uint64_t seq = 0;
};

/// A ledger whose dispatcher ticks each second.
class TickingLedger {
 public:
  Ledger ledger;
  Moment now{std::chrono::hours{1}};

  /// Goes on by so many seconds; everything that the ticks told, as "n1 suspect; n1 dead".
  std::string pass(int seconds) {
    std::string told;
    for (int i = 0; i < seconds; ++i) {
      now += kHeartbeatEvery;
      tell(ledger.tick(now), told);
    }
    return told;
  }

  static void tell(const std::vector<NodeChange>& changes, std::string& told) {
    for (const NodeChange& change : changes) {
      told += (told.empty() ? "" : "; ") + change.node + " " + std::string(to_string(change.what));
    }
  }

  /// Where it is, as "container n1 running; job n2 queued, unreachable".
  std::string where(const std::string& id) const {
    std::string text;
    for (const Location& location : ledger.where(id)) {
      text += (text.empty() ? "" : "; ") + std::string(to_string(location.kind)) + " " +
              location.node + " " + location.state + (location.unreachable ? ", unreachable" : "");
    }
    return text;
  }
};

}  // namespace drover::dispatch
