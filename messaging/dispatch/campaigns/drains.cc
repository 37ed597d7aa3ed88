#include "messaging/dispatch/campaigns/drains.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/core/ids.h"
#include "agent/core/stable_hash.h"

namespace drover::dispatch {
namespace {

constexpr std::chrono::seconds kAnswersWithin{10};  ///< a container that was asked for
constexpr std::chrono::seconds kSayAgain{10};       ///< a job that its node has not ended
constexpr std::size_t kMostNodesOfMove = 4;

/// The same for the same, whoever sends it.
std::string job_for(std::string_view what, const std::string& node, const std::string& name,
                    const std::string& made_by, const std::string& to) {
  return fmt::format("move-{:016x}-{}",
                     stable_hash(fmt::format("{}/{}/{}/{}", node, name, made_by, to)), what);
}

}  // namespace

json::Value Drains::shown(const std::string& node, const Drain& drain) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "asking", "waiting", "starting", "stopping", "deleting", "moved", "stays"};
  json::Array moves;
  for (const auto& [name, move] : drain.moves) {
    moves.emplace_back(json::Object{{"container", name},
                                    {"state", kNames[static_cast<std::size_t>(move.state)]},
                                    {"to", move.to},
                                    {"why", move.why}});
  }
  return json::Object{{"node", node},
                      {"drained", drain.drained},
                      {"moves", std::move(moves)},
                      {"done", drain.done}};
}

void Drains::order(const std::string& node, bool move, Orderer orderer, Answer answer) {
  const NodeFacts* facts = ports_.facts(node);
  if (facts == nullptr || facts->liveness != Liveness::alive) {
    answer(fail(facts == nullptr ? Code::not_found : Code::unavailable, "drain node {}: it is {}",
                node, facts == nullptr ? "not known" : to_string(facts->liveness)));
    return;
  }
  const auto known = drains_.find(node);
  if (known != drains_.end() && !known->second.done) {
    Drain& drain = known->second;
    drain.move = drain.move || move;
    if (drain.drained && drain.waiting.empty()) {
      answer(shown(node, drain));
    } else {
      drain.waiting.push_back(std::move(answer));
    }
    return;
  }
  Drain& drain = drains_.insert_or_assign(node, Drain{std::move(orderer), move}).first->second;
  drain.waiting.push_back(std::move(answer));
  const std::string id = make_uuid7(static_cast<std::uint64_t>(clock_.unix_ms()));
  send(drain, node, id, json::Object{{"id", id}, {"verb", "node.drain"}, {"target", node}});
}

void Drains::send(Drain& drain, const std::string& node, const std::string& id,
                  const json::Object& job) {
  drain.sent = Sent{node, id, json::write(job), clock_.now()};
  ports_.send(node, id, drain.sent->body, drain.orderer);
}

/// Once it is drained: every container that it has is asked for.
void Drains::begin_moves(const std::string& node, Drain& drain) {
  drain.drained = true;
  drain.sent.reset();
  drain.asked_at = clock_.now();
  const NodeFacts* facts = ports_.facts(node);
  if (drain.move && facts != nullptr) {
    for (const ContainerFacts& container : facts->containers) {
      drain.moves[container.name];
      ports_.ask(node, container.name, drain.orderer);
    }
  }
  go_on(node, drain);
}

void Drains::container(const std::string& node, const std::string& name,
                       const Result<json::Value>& answer) {
  const auto found = drains_.find(node);
  if (found == drains_.end()) {
    return;
  }
  const auto move = found->second.moves.find(name);
  if (move == found->second.moves.end() || move->second.state != State::asking) {
    return;
  }
  Result<MovableContainer> movable =
      answer ? check_movable(*answer) : Result<MovableContainer>(Failure(answer.error()));
  move->second.state = movable ? State::waiting : State::stays;
  if (movable) {
    move->second.what = std::move(*movable);
  } else {
    move->second.why = movable.error().message;
  }
  go_on(node, found->second);
}

/// The next container, when none is under way.
void Drains::go_on(const std::string& node, Drain& drain) {
  if (!drain.drained || drain.done || drain.sent) {
    return;
  }
  const bool asking = std::any_of(drain.moves.begin(), drain.moves.end(), [](const auto& move) {
    return move.second.state == State::asking;
  });
  if (asking) {
    return;
  }
  while (!drain.sent) {
    const auto next = std::find_if(drain.moves.begin(), drain.moves.end(), [](const auto& move) {
      return move.second.state == State::waiting;
    });
    if (next == drain.moves.end()) {
      drain.done = true;
      break;
    }
    drain.current = next->first;
    start_elsewhere(node, drain, next->first, next->second);
  }
  for (const Answer& answer : std::exchange(drain.waiting, {})) {
    answer(shown(node, drain));
  }
  if (drain.done) {
    ports_.ended(node, shown(node, drain));
  }
}

void Drains::start_elsewhere(const std::string& node, Drain& drain, const std::string& name,
                             Move& move) {
  // Begun by an order before this one, it goes on there.
  std::string to = ports_.elsewhere(name, node);
  if (to.empty() || move.refusals.contains(to)) {
    PlacementQuestion question{name, move.what.needs, move.refusals};
    question.refusals[node] = "is being drained";
    Result<std::string> placed = ports_.place(question);
    if (!placed || move.refusals.size() >= kMostNodesOfMove) {
      move.state = State::stays;
      move.why = placed ? "these nodes did not take it" : placed.error().message;
      for (const auto& [refuser, why] : move.refusals) {
        move.why += fmt::format("; {}: {}", refuser, why);
      }
      return;
    }
    to = std::move(*placed);
  }
  move.to = to;
  move.state = State::starting;
  const std::string id = job_for("run", node, name, move.what.job, to);
  send(drain, to, id,
       json::Object{
           {"id", id}, {"verb", "container.run"}, {"target", name}, {"spec", move.what.spec}});
}

Drains::Drain* Drains::of(const std::string& node, const std::string& job, std::string& drained) {
  for (auto& [name, drain] : drains_) {
    if (drain.sent && drain.sent->node == node && drain.sent->job == job) {
      drained = name;
      return &drain;
    }
  }
  return nullptr;
}

void Drains::heard(const std::string& node, const std::string& job, std::string_view state,
                   std::string_view message) {
  std::string drained;
  Drain* drain = of(node, job, drained);
  if (drain == nullptr) {
    return;
  }
  if (state == "succeeded") {
    ended_well(drained, *drain);
  } else if (state == "failed" || state == "cancelled") {
    ended_badly(drained, *drain, std::string(message.empty() ? state : message));
  }
}

void Drains::refused(const std::string& node, const std::string& job, const Error& error) {
  std::string drained;
  if (Drain* drain = of(node, job, drained)) {
    if (!drain->drained) {
      fail_all(*drain, error);
      return;
    }
    ended_badly(drained, *drain, error.message);
  }
}

void Drains::fail_all(Drain& drain, const Error& error) {
  drain.done = true;
  drain.sent.reset();
  for (const Answer& answer : std::exchange(drain.waiting, {})) {
    answer(Failure(error));
  }
}

void Drains::ended_well(const std::string& node, Drain& drain) {
  if (!drain.drained) {
    begin_moves(node, drain);
    return;
  }
  drain.sent.reset();
  const std::string& name = drain.current;
  Move& move = drain.moves.at(name);
  const char* verb = nullptr;
  if (move.state == State::starting) {
    move.state = State::stopping;
    verb = "stop";
  } else if (move.state == State::stopping) {
    move.state = State::deleting;
    verb = "delete";
  } else {
    move.state = State::moved;
  }
  if (verb == nullptr) {
    go_on(node, drain);
    return;
  }
  const std::string id = job_for(verb, node, name, move.what.job, move.to);
  send(drain, node, id,
       json::Object{{"id", id}, {"verb", std::string("container.") + verb}, {"target", name}});
}

void Drains::ended_badly(const std::string& node, Drain& drain, std::string why) {
  if (!drain.drained) {
    fail_all(drain, Error{Code::conflict, fmt::format("drain node {}: {}", node, why), {}});
    return;
  }
  Move& move = drain.moves.at(drain.current);
  drain.sent.reset();
  if (move.state == State::starting) {
    move.refusals[move.to] = std::move(why);
    move.to.clear();
    move.state = State::waiting;
    go_on(node, drain);
    return;
  }
  leave(node, drain, fmt::format("it runs on {} and could not be removed here: {}", move.to, why));
}

void Drains::leave(const std::string& node, Drain& drain, std::string why) {
  Move& move = drain.moves.at(drain.current);
  drain.sent.reset();
  move.state = State::stays;
  move.why = std::move(why);
  go_on(node, drain);
}

void Drains::tick() {
  const system::Instant now = clock_.now();
  for (auto& [node, drain] : drains_) {
    if (drain.done) {
      continue;
    }
    const auto is_dead = [this](const std::string& name) {
      const NodeFacts* facts = ports_.facts(name);
      return facts == nullptr || facts->liveness == Liveness::dead;
    };
    if (is_dead(node)) {
      for (auto& [name, move] : drain.moves) {
        if (move.state != State::moved && move.state != State::stays) {
          move.why = fmt::format("node {} is dead{}", node,
                                 move.to.empty() ? "" : "; it may run on " + move.to + " as well");
          move.state = State::stays;
        }
      }
      fail_all(drain, Error{Code::unavailable, fmt::format("drain node {}: it is dead", node), {}});
      ports_.ended(node, shown(node, drain));
      continue;
    }
    if (drain.sent && drain.drained && is_dead(drain.sent->node)) {
      leave(node, drain,
            fmt::format("node {} died when it was begun there, and may run it", drain.sent->node));
    } else if (drain.sent && now - drain.sent->at >= kSayAgain) {
      // By its id it is done once; the answer says how far it is.
      drain.sent->at = now;
      ports_.send(drain.sent->node, drain.sent->job, drain.sent->body, drain.orderer);
    } else if (drain.drained && now - drain.asked_at >= kAnswersWithin) {
      for (auto& [name, move] : drain.moves) {
        if (move.state == State::asking) {
          move.state = State::stays;
          move.why = fmt::format("node {} did not say what it is", node);
        }
      }
      go_on(node, drain);
    }
  }
}

}  // namespace drover::dispatch
