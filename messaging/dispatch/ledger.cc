#include "messaging/dispatch/ledger.h"

#include <algorithm>
#include <utility>

#include "agent/core/job.h"

namespace drover::dispatch {
namespace {

bool is_ended(std::string_view state) {
  const std::optional<JobState> known = job_state_from(state);
  return known && is_final(*known);
}

auto container_named(NodeFacts& facts, std::string_view name) {
  return std::find_if(facts.containers.begin(), facts.containers.end(),
                      [name](const ContainerFacts& container) { return container.name == name; });
}

const ContainerFacts* container_of(const NodeFacts& facts, std::string_view name) {
  const auto found =
      std::find_if(facts.containers.begin(), facts.containers.end(),
                   [name](const ContainerFacts& container) { return container.name == name; });
  return found == facts.containers.end() ? nullptr : &*found;
}

}  // namespace

std::string_view to_string(NodeChange::What what) {
  static constexpr std::array<std::string_view, 6> kNames = {"came",    "renewed",   "back",
                                                             "suspect", "recovered", "dead"};
  return kNames[static_cast<std::size_t>(what)];
}

Ledger::Node* Ledger::find(std::string_view name) {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : &found->second;
}

const NodeFacts* Ledger::facts(std::string_view node) const {
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? nullptr : &found->second.facts;
}

std::optional<Standing> Ledger::standing(std::string_view node) const {
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? std::nullopt
                               : std::optional(Standing{found->second.epoch, found->second.seq,
                                                        found->second.jobs.size()});
}

Candidates Ledger::candidates() const {
  Candidates all;
  all.reserve(nodes_.size());
  for (const auto& [name, node] : nodes_) {
    all.push_back(&node.facts);
  }
  return all;
}

void Ledger::count_reserved(Node& node) {
  node.facts.reserved = node.reserved;
  for (const auto& [job, pending] : node.pending) {
    node.facts.reserved.milli_cpus += pending.needed.milli_cpus;
    node.facts.reserved.memory_mib += pending.needed.memory_mib;
    node.facts.reserved.disk_mib += pending.needed.disk_mib;
  }
}

bool Ledger::has(const Node& node, const std::string& id) {
  return container_of(node.facts, id) != nullptr || node.jobs.contains(id) ||
         node.pending.contains(id);
}

void Ledger::index(const Node& node) {
  for (const std::string& id : ids_of(node)) {
    nodes_of_[id].insert(node.facts.name);
  }
}

void Ledger::unindex(const std::string& id, const std::string& node) {
  if (const auto found = nodes_of_.find(id); found != nodes_of_.end()) {
    found->second.erase(node);
    if (found->second.empty()) {
      nodes_of_.erase(found);
    }
  }
}

void Ledger::unindex_gone(const Node& node, const std::string& id) {
  if (!has(node, id)) {
    unindex(id, node.facts.name);
  }
}

void Ledger::unindex(const Node& node) {
  for (const std::string& id : ids_of(node)) {
    unindex(id, node.facts.name);
  }
}

std::vector<std::string> Ledger::ids_of(const Node& node) {
  std::vector<std::string> ids;
  for (const ContainerFacts& container : node.facts.containers) {
    ids.push_back(container.name);
  }
  for (const auto& [job, state] : node.jobs) {
    ids.push_back(job);
  }
  for (const auto& [job, pending] : node.pending) {
    ids.push_back(job);
  }
  return ids;
}

std::vector<std::string> Ledger::missing(const Node& before, const Node& now) {
  std::vector<std::string> ids;
  for (const ContainerFacts& container : before.facts.containers) {
    if (container_of(now.facts, container.name) == nullptr) {
      ids.push_back(container.name);
    }
  }
  for (const auto& [job, state] : before.jobs) {
    if (!is_ended(state) && !now.jobs.contains(job)) {
      ids.push_back(job);
    }
  }
  return ids;
}

void Ledger::keep_of(Node& before, bool lost_journal, Node& node) {
  if (!lost_journal) {
    for (const std::string& job : before.ended) {
      if (node.jobs.try_emplace(job, before.jobs.at(job)).second) {
        node.ended.push_back(job);
      }
    }
  }
  // What is on its way may have been sent behind the HELLO.
  for (auto& [job, pending] : before.pending) {
    if (!node.jobs.contains(job)) {
      node.pending.emplace(job, pending);
    }
  }
  node.dispatchers = before.dispatchers;
  count_reserved(node);
}

std::size_t Ledger::dispatchers() const {
  std::int64_t most = 1;
  for (const auto& [name, node] : nodes_) {
    most = node.facts.liveness == Liveness::dead ? most : std::max(most, node.dispatchers);
  }
  return static_cast<std::size_t>(most);
}

Result<NodeChange> Ledger::hello(Hello hello, Moment now) {
  Node* before = find(hello.sender.node);
  if (before != nullptr && before->key != hello.sender.key) {
    return fail(Code::conflict,
                "node {} speaks with the key {}: {} may not say HELLO for it. Where the node has "
                "another key now, wait until it is dead and have it forgotten",
                hello.sender.node, before->key, hello.sender.key);
  }
  Node node;
  node.facts = std::move(hello.facts);
  node.facts.name = hello.sender.node;
  node.facts.liveness = Liveness::alive;
  node.reserved = node.facts.reserved;
  node.key = std::move(hello.sender.key);
  node.epoch = std::move(hello.sender.epoch);
  node.seq = hello.seq;
  node.heard = now;
  for (JobFacts& job : hello.jobs) {
    if (node.jobs.insert_or_assign(job.id, job.state).second && is_ended(job.state)) {
      node.ended.push_back(job.id);
    }
  }
  NodeChange change{NodeChange::What::came, hello.sender.node};
  if (before != nullptr) {
    change.what = before->facts.liveness == Liveness::dead ? NodeChange::What::back
                                                           : NodeChange::What::renewed;
    change.lost_journal = before->epoch != node.epoch;
    change.missing = missing(*before, node);
    for (const std::string& id : before->elsewhere) {
      if (container_of(node.facts, id) != nullptr || node.jobs.contains(id)) {
        change.doubled.push_back(id);
      }
    }
    unindex(*before);
    keep_of(*before, change.lost_journal, node);
  }
  index(node);
  nodes_.insert_or_assign(std::move(hello.sender.node), std::move(node));
  return change;
}

Ledger::Node* Ledger::speaking(const Sender& sender, Heard& answer) {
  Node* node = find(sender.node);
  if (node != nullptr && node->key != sender.key) {
    answer = Heard::ignored;
    return nullptr;
  }
  if (node == nullptr || node->epoch != sender.epoch || node->facts.liveness == Liveness::dead) {
    answer = Heard::ask_hello;
    return nullptr;
  }
  return node;
}

Heard Ledger::heartbeat(const Heartbeat& heartbeat, Moment now) {
  Heard answer = Heard::kept;
  Node* node = speaking(heartbeat.sender, answer);
  if (node == nullptr) {
    return answer;
  }
  node->heard = now;
  if (heartbeat.seq != node->seq) {
    return Heard::ask_hello;
  }
  node->reserved = heartbeat.reserved;
  node->facts.drained = heartbeat.drained;
  node->facts.quorate = heartbeat.quorate;
  node->dispatchers = heartbeat.dispatchers.value_or(1);
  std::erase_if(node->pending, [](const auto& one) { return one.second.told; });
  count_reserved(*node);
  return Heard::kept;
}

void Ledger::change_container(Node& node, const ThingChange& change) {
  const auto found = container_named(node.facts, change.id);
  const bool there = found != node.facts.containers.end();
  if (change.state != "gone") {
    ContainerFacts facts{change.id, change.labels, change.state};
    if (there) {
      *found = std::move(facts);
    } else {
      node.facts.containers.push_back(std::move(facts));
      nodes_of_[change.id].insert(node.facts.name);
    }
  } else if (there) {
    node.facts.containers.erase(found);
    unindex_gone(node, change.id);
  }
}

void Ledger::change_job(Node& node, const ThingChange& change) {
  if (const auto pending = node.pending.find(change.id); pending != node.pending.end()) {
    pending->second.told = true;
  }
  std::string& state = node.jobs[change.id];
  if (is_ended(state)) {
    return;  // for good
  }
  state = change.state;
  nodes_of_[change.id].insert(node.facts.name);
  if (!is_ended(state)) {
    return;
  }
  node.ended.push_back(change.id);
  while (node.ended.size() > kEndedJobsKept) {
    const std::string oldest = std::move(node.ended.front());
    node.ended.pop_front();
    node.jobs.erase(oldest);
    unindex_gone(node, oldest);
  }
}

Heard Ledger::changed(const ThingChange& change, Moment now) {
  Heard answer = Heard::kept;
  Node* node = speaking(change.sender, answer);
  if (node == nullptr) {
    return answer;
  }
  node->heard = now;
  if (change.seq != node->seq + 1) {
    // What is known already was in a HELLO that overtook it.
    return change.seq <= node->seq ? Heard::kept : Heard::ask_hello;
  }
  node->seq = change.seq;
  if (change.kind == ThingKind::container) {
    change_container(*node, change);
  } else if (change.kind == ThingKind::job) {
    change_job(*node, change);
  }
  return Heard::kept;
}

std::vector<NodeChange> Ledger::tick(Moment now) {
  const auto away = last_tick_ ? now - *last_tick_ : Moment::duration::zero();
  last_tick_ = now;
  std::vector<NodeChange> changes;
  for (auto& [name, node] : nodes_) {
    if (away > 2 * kHeartbeatEvery) {
      node.heard = std::min(node.heard + away, now);
    }
    Liveness& liveness = node.facts.liveness;
    if (liveness == Liveness::dead) {
      continue;  // until its HELLO
    }
    const auto silent = now - node.heard;
    const Liveness is = silent >= kDeadAfter      ? Liveness::dead
                        : silent >= kSuspectAfter ? Liveness::suspect
                                                  : Liveness::alive;
    if (is != liveness) {
      liveness = is;
      changes.push_back(NodeChange{is == Liveness::dead      ? NodeChange::What::dead
                                   : is == Liveness::suspect ? NodeChange::What::suspect
                                                             : NodeChange::What::recovered,
                                   name});
    }
  }
  return changes;
}

void Ledger::sent(std::string_view node, const std::string& job, const Capacity& needed) {
  if (Node* known = find(node)) {
    known->pending.insert_or_assign(job, Pending{needed, known->jobs.contains(job)});
    nodes_of_[job].insert(known->facts.name);
    count_reserved(*known);
  }
}

void Ledger::unsent(std::string_view node, const std::string& job) {
  Node* known = find(node);
  if (known == nullptr || known->pending.erase(job) == 0) {
    return;
  }
  count_reserved(*known);
  unindex_gone(*known, job);
}

void Ledger::placed_elsewhere(std::string_view node, std::string id) {
  if (Node* known = find(node)) {
    known->elsewhere.insert(std::move(id));
  }
}

Result<> Ledger::forget(std::string_view node) {
  Node* known = find(node);
  if (known == nullptr) {
    return fail(Code::not_found, "forget node {}: it is not known", node);
  }
  if (known->facts.liveness != Liveness::dead) {
    return fail(Code::conflict, "forget node {}: it is {}; only a dead one is forgotten", node,
                to_string(known->facts.liveness));
  }
  unindex(*known);
  nodes_.erase(nodes_.find(node));
  return {};
}

std::vector<Location> Ledger::where(const std::string& id) const {
  std::vector<Location> locations;
  const auto found = nodes_of_.find(id);
  if (found == nodes_of_.end()) {
    return locations;
  }
  for (const std::string& name : found->second) {
    const Node& node = nodes_.find(name)->second;
    const bool unreachable = node.facts.liveness == Liveness::dead;
    if (const ContainerFacts* container = container_of(node.facts, id)) {
      locations.push_back(Location{name, ThingKind::container, container->state, unreachable});
    }
    if (const auto job = node.jobs.find(id); job != node.jobs.end()) {
      locations.push_back(Location{name, ThingKind::job, job->second, unreachable});
    } else if (node.pending.contains(id)) {
      locations.push_back(Location{name, ThingKind::job, "sent", unreachable});
    }
  }
  return locations;
}

}  // namespace drover::dispatch
