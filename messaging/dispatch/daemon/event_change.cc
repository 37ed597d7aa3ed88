#include "messaging/dispatch/daemon/event_change.h"

#include <array>
#include <string_view>
#include <utility>

#include "agent/core/container_status.h"
#include "agent/core/event.h"

namespace drover::dispatch {
namespace {

/// What a job is after each event of it; all others leave it as it is.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kJobStates = {{
    {"accepted", "queued"},
    {"started", "running"},
    {"retrying", "queued"},
    {"succeeded", "succeeded"},
    {"failed", "failed"},
    {"cancelled", "cancelled"},
}};

Labels labels_of(const json::Object& data) {
  Labels labels;
  const json::Value* found = data.find("labels");
  if (const json::Object* object = found == nullptr ? nullptr : found->object()) {
    for (const auto& [key, value] : *object) {
      labels.emplace(key, value.string_or(""));
    }
  }
  return labels;
}

}  // namespace

Result<ThingChange> read_event_change(const json::Value& event, Sender sender) {
  Event read = TRY(event_from_cloud(event));
  ThingChange change{std::move(sender), read.seq, ThingKind::other, read.object};
  change.sender.epoch = std::move(read.epoch);
  if (read.kind == "container" && status_from(read.what)) {
    change.kind = ThingKind::container;
    change.state = read.what;
    change.labels = labels_of(read.data);
  }
  for (const auto& [what, state] : kJobStates) {
    if (read.kind == "job" && read.what == what) {
      change.kind = ThingKind::job;
      change.state = state;
    }
  }
  return change;
}

}  // namespace drover::dispatch
