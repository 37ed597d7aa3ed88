// Event: one fact about one object, numbered so that a reader can tell a gap from a filter.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/core/json.h"
#include "agent/core/result.h"

namespace drover {

struct Event {
  std::string epoch{};     ///< changes when the journal was made anew; the counters then start at 1
  std::uint64_t seq = 0;   ///< counts every event of the node
  std::uint64_t kseq = 0;  ///< counts the events of this kind
  std::uint64_t oseq = 0;  ///< counts the events of this object
  std::int64_t at_unix_ms = 0;
  std::string kind{};    ///< "job", "container", "node"
  std::string object{};  ///< the job's id, the container's name, the node's name
  std::string what{};    ///< past tense: "accepted", "step_done", "running", "stopped"
  std::string job{};     ///< the job that caused it, "" for none
  json::Object data{};   ///< depends on `kind` and `what`; docs/events.md
};

/// What events are of, in the order of docs/events.md.
inline constexpr std::array<std::string_view, 8> kEventKinds = {
    "job", "node", "image", "volume", "network", "resource", "container", "security"};

/// CloudEvents 1.0 in JSON. `type` is "drover.KIND.WHAT", `source` "/drover/NODE", `subject` the
/// object, `id` "EPOCH-SEQ"; the counters are the extensions droverepoch, seq, kseq and oseq.
json::Value to_cloud_event(const Event& event, std::string_view node);
Result<Event> event_from_cloud(const json::Value& value);

/// What subscribers filter by: "NODE.KIND.OBJECT." with the dot at the end, so that the topic of
/// "web-1" is no prefix of that of "web-10".
std::string topic_of(const Event& event, std::string_view node);

}  // namespace drover
