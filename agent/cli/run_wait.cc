#include "agent/cli/run_wait.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "agent/cli/job_flags.h"
#include "agent/cli/job_run.h"
#include "agent/cli/job_watch.h"
#include "agent/cli/log_copy.h"
#include "agent/core/container_status.h"

namespace drover::cli {
namespace {

/// One that its restart policy is going to start again has stopped for a moment only.
bool has_ended(const json::Value& container) {
  return status_from(container.at("status").string_or("")) == Status::stopped &&
         !container.at("restarts").at("pending").boolean_or(false);
}

/// Waits until something has happened to the container.
Result<> await_change(messaging::Client& client, messaging::Subscription& events,
                      const std::string& name, const system::Stop& stop) {
  for (bool changed = false; !changed;) {
    constexpr std::chrono::hours kTurn{1};
    const std::optional<messaging::Notice> notice = TRY(events.next(client.in(kTurn), stop));
    const Event* event = notice ? std::get_if<Event>(&*notice) : nullptr;
    changed = event == nullptr || (event->kind == "container" && event->object == name);
  }
  return {};
}

Result<> copy_output(messaging::Client& client, const std::string& name, const system::Stop& stop,
                     std::uint64_t& offset) {
  messaging::Stream stream =
      TRY(messaging::Stream::container_log(client, name, {.offset = offset, .follow = true}));
  LogCopyOptions copy;
  copy.complete = [&]() -> Result<bool> {
    const json::Value container = TRY(client.container(name, stop));
    return has_ended(container);
  };
  Result<> copied = copy_log(client, stream, stop, copy);
  offset = stream.offset();
  return copied;
}

/// Also of one that its restart policy starts again and again, until it stays stopped.
Result<> copy_all_output(messaging::Client& client, messaging::Subscription& events,
                         const std::string& name, const system::Stop& stop, std::uint64_t& offset) {
  for (;;) {
    TRY(copy_output(client, name, stop, offset));
    const json::Value container = TRY(client.container(name, stop));
    if (has_ended(container)) {
      return {};
    }
    if (status_from(container.at("status").string_or("")) == Status::stopped) {
      TRY(await_change(client, events, name, stop));
    }
  }
}

Result<> stop_container(Session& session, messaging::Client& client, const std::string& name) {
  fmt::print(stderr, "drover: stopping {} (Ctrl-C again leaves it running)\n", name);
  const JobRequest request = TRY(make_request(Verb::container_stop, name, {}));
  constexpr std::chrono::seconds kSubmitTime{60};
  TRY(client.submit(request, client.in(kSubmitTime), session.interrupt.second()));
  return {};
}

/// Waits until the container has ended.
Result<Exit> wait_for_exit(messaging::Client& client, messaging::Subscription& events,
                           const std::string& name, const system::Stop& stop) {
  for (;;) {
    const json::Value container = TRY(client.container(name, stop));
    if (has_ended(container)) {
      return exit_from_json(container.at("exit"));
    }
    TRY(await_change(client, events, name, stop));
  }
}

}  // namespace

Result<int> wait_for_container(Session& session, messaging::Client& client,
                               messaging::Subscription& events, const std::string& name) {
  const system::Stop* stop = &session.interrupt.first();
  std::uint64_t offset = 0;
  Result<> copied = copy_all_output(client, events, name, *stop, offset);
  if (!copied && copied.error().code == Code::cancelled) {
    stop = &session.interrupt.second();
    TRY(stop_container(session, client, name));
    copied = copy_all_output(client, events, name, *stop, offset);
  }
  TRY(std::move(copied));
  const Exit exit = TRY(wait_for_exit(client, events, name, *stop));
  if (!exit.code) {
    return fail(Code::broken, "container {}: {}", name, to_text(exit));
  }
  if (exit.oom) {
    fmt::print(stderr, "drover: container {}: {}\n", name, to_text(exit));
  }
  return *exit.code;
}

Result<> remove_container(Session& session, messaging::Client& client, const std::string& name) {
  JobRequest request = TRY(make_request(Verb::container_delete, name, {}));
  request.options.force = true;
  JobWatch watch = TRY(JobWatch::submit(session, client, request, true));
  const json::Value job = TRY(watch.wait());
  return outcome_of(job).context("delete " + name);
}

}  // namespace drover::cli
