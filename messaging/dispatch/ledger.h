// Ledger: what a dispatcher knows of the nodes, and of what is where on them.
//
// It is no truth: the agents' journals are. It is made anew from the HELLO of each agent and kept
// by the changes that agents tell, each with a number; where one is missing the agent is asked for
// its HELLO again. Heartbeats tell who is there.
//
// Belongs to one thread. Times are of a monotonic clock, which the caller reads.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "messaging/dispatch/job_needs.h"
#include "messaging/dispatch/ledger_messages.h"
#include "messaging/dispatch/node_facts.h"
#include "messaging/dispatch/placement.h"

namespace drover::dispatch {

using Moment = std::chrono::steady_clock::time_point;

/// Agents send a heartbeat, and dispatchers call tick, as often as this.
inline constexpr std::chrono::seconds kHeartbeatEvery{1};
/// Silent for so long a node gets nothing new, and silent for so long it counts as dead.
inline constexpr std::chrono::seconds kSuspectAfter{3};
inline constexpr std::chrono::seconds kDeadAfter{5};
/// Of a node's jobs that have ended so many are kept, the last ones: a job that is sent again must
/// come to the node that has done it.
inline constexpr std::size_t kEndedJobsKept = 1000;

/// What became of a node.
struct NodeChange {
  enum class What {
    came,       ///< was never heard of, or forgotten
    renewed,    ///< said HELLO again
    back,       ///< was dead, and has said HELLO
    suspect,    ///< is silent
    recovered,  ///< was suspect
    dead,       ///< all that is there is unreachable from now on
  };
  What what = What::came;
  std::string node{};
  bool lost_journal = false;  ///< its epoch is another one: what was before it does not know
  /// Containers, and jobs that had not ended, which the node has no more. How those ended it may
  /// know, unless its journal was lost.
  std::vector<std::string> missing{};
  /// What was placed elsewhere while it was dead, and is here as well.
  std::vector<std::string> doubled{};

  bool operator==(const NodeChange&) const = default;
};
std::string_view to_string(NodeChange::What what);

/// What became of something that an agent told.
enum class Heard {
  kept,
  ask_hello,  ///< the node is not known, dead, has another epoch, or something is missing
  ignored,    ///< another key speaks for the node than in its HELLO
};

/// Where something is.
struct Location {
  std::string node;
  ThingKind kind = ThingKind::container;
  std::string state;         ///< as the node told it last, or "sent" of a job it was sent
  bool unreachable = false;  ///< the node is dead: the state is what it was

  bool operator==(const Location&) const = default;
};

/// How far a node has told of itself.
struct Standing {
  std::string epoch;
  std::uint64_t seq = 0;
  std::size_t jobs = 0;  ///< that are known, also ended ones
};

class Ledger {
 public:
  /// Takes all that the node has in place of what was known. `conflict` when the node of that name
  /// belongs to another key.
  Result<NodeChange> hello(Hello hello, Moment now);
  Heard heartbeat(const Heartbeat& heartbeat, Moment now);
  Heard changed(const ThingChange& change, Moment now);
  /// What time has made of the nodes, and who has recovered, since it was asked last. Everything
  /// that has arrived must have been told before. When it was not called for longer than two
  /// heartbeats, it was the dispatcher that was away: nobody's silence counts for that time.
  std::vector<NodeChange> tick(Moment now);

  /// Counts a job as on its way to the node, with what it needs, until the node tells of it.
  void sent(std::string_view node, const std::string& job, const Capacity& needed);
  /// The node has refused it, or it was not sent after all.
  void unsent(std::string_view node, const std::string& job);
  /// Notes that a container or job of a dead node is placed elsewhere, so that it is told when the
  /// node comes back with it.
  void placed_elsewhere(std::string_view node, std::string id);
  /// Leaves a dead node out, with all that was there: by order only. `conflict` for one that is not
  /// dead, `not_found` for one that is not known.
  Result<> forget(std::string_view node);

  /// Where a container or a job is, on each node that has one; nodes by name.
  std::vector<Location> where(const std::string& id) const;
  /// Every node, also dead ones, by name. Valid until the ledger changes.
  Candidates candidates() const;
  /// How many dispatchers there are, this one included, as far as nodes that are not dead say: the
  /// most that one of them is told to connect to.
  std::size_t dispatchers() const;
  /// nullptr for a node that is not known.
  const NodeFacts* facts(std::string_view node) const;
  std::optional<Standing> standing(std::string_view node) const;

 private:
  struct Pending {
    Capacity needed{};
    bool told = false;  ///< the node's next heartbeat counts it in
  };
  struct Node {
    NodeFacts facts{};    ///< `reserved` with what is pending
    Capacity reserved{};  ///< as the node says
    std::string key{};
    std::string epoch{};
    std::uint64_t seq = 0;  ///< of the last change that is known
    Moment heard{};
    std::map<std::string, std::string> jobs{};  ///< their states
    std::deque<std::string> ended{};            ///< of the jobs, in the order of their ends
    std::map<std::string, Pending> pending{};
    std::set<std::string> elsewhere{};
    std::int64_t dispatchers = 1;
  };

  Node* find(std::string_view name);
  /// The node, when it may speak; else what is answered instead.
  Node* speaking(const Sender& sender, Heard& answer);
  static void count_reserved(Node& node);
  static std::vector<std::string> missing(const Node& before, const Node& now);
  /// What of a node's former state its HELLO does not tell.
  static void keep_of(Node& before, bool lost_journal, Node& node);
  static std::vector<std::string> ids_of(const Node& node);
  static bool has(const Node& node, const std::string& id);
  void index(const Node& node);
  void unindex(const Node& node);
  void unindex(const std::string& id, const std::string& node);
  /// The same, unless the node has another thing of that id.
  void unindex_gone(const Node& node, const std::string& id);
  void change_container(Node& node, const ThingChange& change);
  void change_job(Node& node, const ThingChange& change);

  std::map<std::string, Node, std::less<>> nodes_;
  std::unordered_map<std::string, std::set<std::string>> nodes_of_;  ///< by id of what they have
  std::optional<Moment> last_tick_;
};

}  // namespace drover::dispatch
