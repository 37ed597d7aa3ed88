#include "agent/cli/log_follow.h"

#include <chrono>
#include <optional>
#include <variant>

#include "agent/core/container_status.h"
#include "messaging/client/stream.h"

namespace drover::cli {

bool has_stopped_for_good(const json::Value& container) {
  return status_from(container.at("status").string_or("")) == Status::stopped &&
         !container.at("restarts").at("pending").boolean_or(false);
}

Result<> await_change(messaging::Client& client, messaging::Subscription& events,
                      const std::string& name, const system::Stop& stop) {
  for (bool changed = false; !changed;) {
    constexpr std::chrono::hours kChangeTurn{1};
    const std::optional<messaging::Notice> notice = TRY(events.next(client.in(kChangeTurn), stop));
    const Event* event = notice ? std::get_if<Event>(&*notice) : nullptr;
    changed = event == nullptr || (event->kind == "container" && event->object == name);
  }
  return {};
}

namespace {

Result<> copy_output(messaging::Client& client, const std::string& name, const system::Stop& stop,
                     bool times, std::uint64_t& offset, const LogStart& start) {
  messaging::StreamOptions from{.offset = offset, .follow = true};
  from.tail = start.tail;
  from.since_unix_ms = start.since_unix_ms;
  messaging::Stream stream = TRY(messaging::Stream::container_log(client, name, from));
  LogCopyOptions copy;
  copy.times = times;
  copy.complete = [&]() -> Result<bool> {
    const json::Value container = TRY(client.container(name, stop));
    return has_stopped_for_good(container);
  };
  Result<> copied = copy_log(client, stream, stop, copy);
  offset = stream.offset();
  return copied;
}

}  // namespace

Result<> follow_log(messaging::Client& client, messaging::Subscription& events,
                    const std::string& name, const system::Stop& stop, bool times,
                    std::uint64_t& offset, const LogStart& start) {
  for (LogStart from = start;; from = {}) {
    TRY(copy_output(client, name, stop, times, offset, from));
    const json::Value container = TRY(client.container(name, stop));
    if (has_stopped_for_good(container)) {
      // Since the stream has ended it may have run once more; or it is deleted, with all copied.
      const Result<> rest = copy_output(client, name, stop, times, offset, {});
      return !rest && rest.error().code == Code::not_found ? Result<>() : rest;
    }
    if (status_from(container.at("status").string_or("")) == Status::stopped) {
      TRY(await_change(client, events, name, stop));
    }
  }
}

}  // namespace drover::cli
