// What agents tell dispatchers, as values: all they have (HELLO), that they are there (heartbeat),
// and what became of a container or of a job.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "messaging/dispatch/node_facts.h"

namespace drover::dispatch {

inline constexpr std::size_t kMostJobsOfHello = 10'000;

/// Whose message it is.
struct Sender {
  std::string node{};
  std::string key{};    ///< the name of its allowed key: of the connection, and in no JSON
  std::string epoch{};  ///< of the node's journal: another one has lost what was before

  bool operator==(const Sender&) const = default;
};

struct JobFacts {
  std::string id{};
  std::string state{};  ///< as agent/core/job.h has them

  bool operator==(const JobFacts&) const = default;
};

/// All that a node has: what is not in it, the node has not. {"epoch","seq","facts","jobs":[{"id",
/// "state"}]}.
struct Hello {
  Sender sender{};
  std::uint64_t seq = 0;         ///< of the last change that is in it; they are counted from 1
  NodeFacts facts{};             ///< its containers among them
  std::vector<JobFacts> jobs{};  ///< those that have not ended

  bool operator==(const Hello&) const = default;
};

/// {"node","epoch","seq","reserved","drained","quorate","dispatchers"}. What else of a node's facts
/// changes is told by another HELLO.
struct Heartbeat {
  Sender sender{};
  std::uint64_t seq = 0;  ///< of the node's last change
  Capacity reserved{};
  bool drained = false;
  std::optional<bool> quorate{};
  /// How many dispatchers its configuration names; none of an agent that does not say.
  std::optional<std::int64_t> dispatchers{};

  bool operator==(const Heartbeat&) const = default;
};

enum class ThingKind {
  container,
  job,
  other,  ///< what a dispatcher keeps nothing of: the change counts, and that is all
};
std::string_view to_string(ThingKind kind);

/// {"node","epoch","seq","kind","id","state","labels"}.
struct ThingChange {
  Sender sender{};
  std::uint64_t seq = 0;
  ThingKind kind = ThingKind::container;
  std::string id{};     ///< a container's name, a job's id
  std::string state{};  ///< "gone" of a container that is deleted
  Labels labels{};      ///< of a container

  bool operator==(const ThingChange&) const = default;
};

/// `key` is that of the connection. Members that are not known are ignored; `invalid` with every
/// fault.
Result<Hello> read_hello(const json::Value& value, std::string key);
Result<Heartbeat> read_heartbeat(const json::Value& value, std::string key);
Result<ThingChange> read_thing_change(const json::Value& value, std::string key);
json::Value to_json(const Hello& hello);
json::Value to_json(const Heartbeat& heartbeat);
json::Value to_json(const ThingChange& change);

}  // namespace drover::dispatch
