// Drains: a node is emptied by order: it takes no more, and what can be elsewhere is begun there
// before it is ended here, one container after the other, so that no service is away for longer
// than it takes to find the other one.
//
// Nothing is written down: the ids of all jobs follow from the container and the job that made it.
// Whoever orders the same again, of another dispatcher too, goes on where it was; only one that was
// stopped here by then stays, because nothing tells it from one that somebody else has stopped.
//
// Belongs to the loop's thread. The functions it is given never call back before they return.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/system/clock.h"
#include "messaging/dispatch/campaigns/movable.h"
#include "messaging/dispatch/ledger.h"

namespace drover::dispatch {

/// Whose order it is: its jobs are sent as this one's.
struct Orderer {
  std::string by;
  std::string role;
};

struct DrainPorts {
  /// job.submit with that body to the node: comes back by `heard` or `refused`, or not at all.
  std::function<void(const std::string& node, const std::string& job, const std::string& body,
                     const Orderer& orderer)>
      send;
  /// query.container: comes back by `container`, or not at all.
  std::function<void(const std::string& node, const std::string& name, const Orderer& orderer)> ask;
  /// A node for it, of those without a refusal.
  std::function<Result<std::string>(const PlacementQuestion&)> place;
  /// nullptr of one that is not known.
  std::function<const NodeFacts*(const std::string& node)> facts;
  /// Another node that is alive and has a container of that name; "" when there is none.
  std::function<std::string(const std::string& name, const std::string& than)> elsewhere;
  /// A drain has ended: its node, and what is answered of it.
  std::function<void(const std::string& node, const json::Value& end)> ended;
};

class Drains {
 public:
  using Answer = std::function<void(Result<json::Value>)>;

  Drains(system::Clock& clock, DrainPorts ports) : clock_(clock), ports_(std::move(ports)) {}

  /// Answered as soon as the node is drained and it is known what will be moved: {"node","drained",
  /// "moves":[{"container","state":"waiting|starting|stopping|deleting|moved|stays","to","why"}],
  /// "done"}. The same order again tells how far it is; when it is done, it begins once more.
  void order(const std::string& node, bool move, Orderer orderer, Answer answer);

  void heard(const std::string& node, const std::string& job, std::string_view state,
             std::string_view message);
  void refused(const std::string& node, const std::string& job, const Error& error);
  void container(const std::string& node, const std::string& name,
                 const Result<json::Value>& answer);
  /// Each second.
  void tick();

 private:
  enum class State { asking, waiting, starting, stopping, deleting, moved, stays };
  struct Move {
    State state = State::asking;
    std::string to{};
    std::string why{};  ///< it stays
    MovableContainer what{};
    std::map<std::string, std::string> refusals{};
  };
  struct Sent {
    std::string node;
    std::string job;
    std::string body;
    system::Instant at{};
  };
  struct Drain {
    Orderer orderer;
    bool move = false;
    bool drained = false;
    bool done = false;
    system::Instant asked_at{};
    std::map<std::string, Move> moves{};  ///< by container
    std::string current{};                ///< the one that is moved now
    std::optional<Sent> sent{};           ///< what is awaited of the drain or of the current one
    std::vector<Answer> waiting{};
  };

  void send(Drain& drain, const std::string& node, const std::string& id, const json::Object& job);
  void begin_moves(const std::string& node, Drain& drain);
  void go_on(const std::string& node, Drain& drain);
  void start_elsewhere(const std::string& node, Drain& drain, const std::string& name, Move& move);
  void ended_well(const std::string& node, Drain& drain);
  void ended_badly(const std::string& node, Drain& drain, std::string why);
  void leave(const std::string& node, Drain& drain, std::string why);
  void fail_all(Drain& drain, const Error& error);
  /// Whose job that is; the drains' own nodes.
  Drain* of(const std::string& node, const std::string& job, std::string& drained);
  static json::Value shown(const std::string& node, const Drain& drain);

  system::Clock& clock_;
  const DrainPorts ports_;
  std::map<std::string, Drain> drains_;  ///< by node
};

}  // namespace drover::dispatch
