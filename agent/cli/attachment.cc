#include "agent/cli/attachment.h"

#include <chrono>
#include <csignal>
#include <memory>
#include <variant>

#include "agent/cli/input_pump.h"
#include "agent/cli/job_flags.h"
#include "agent/cli/log_copy.h"
#include "agent/cli/run_wait.h"
#include "agent/core/container_status.h"
#include "messaging/client/stream.h"

namespace drover::cli {
namespace {

using OnInterrupt = AttachOptions::OnInterrupt;

/// Where its log ends now.
Result<std::uint64_t> end_of_log(messaging::Client& client, const std::string& name,
                                 const system::Stop& stop) {
  messaging::Stream stream = TRY(messaging::Stream::container_log(client, name, {.tail = 0}));
  while (!stream.ended()) {
    constexpr std::chrono::seconds kTurn{5};
    const Result<std::optional<std::string>> data = stream.next(client.in(kTurn), stop);
    if (!data && data.error().code == Code::unavailable) {
      return std::uint64_t{0};  // nothing was written yet
    }
    TRY(data);
  }
  return stream.offset();
}

Result<> copy_until_end(messaging::Client& client, const std::string& name,
                        const system::Stop& stop, std::uint64_t& offset) {
  messaging::Stream stream =
      TRY(messaging::Stream::container_log(client, name, {.offset = offset, .follow = true}));
  LogCopyOptions copy;
  copy.complete = [&]() -> Result<bool> {
    const json::Value container = TRY(client.container(name, stop));
    return status_from(container.at("status").string_or("")) == Status::stopped;
  };
  Result<> copied = copy_log(client, stream, stop, copy);
  offset = stream.offset();
  return copied;
}

/// How its program ended that ran when `events` began.
Result<Exit> await_end(messaging::Client& client, messaging::Subscription& events,
                       const std::string& name, const system::Stop& stop) {
  for (bool look = true;;) {
    if (look) {
      const json::Value container = TRY(client.container(name, stop));
      if (status_from(container.at("status").string_or("")) == Status::stopped) {
        return exit_from_json(container.at("exit"));
      }
    }
    constexpr std::chrono::hours kTurn{1};
    const std::optional<messaging::Notice> notice = TRY(events.next(client.in(kTurn), stop));
    const Event* event = notice ? std::get_if<Event>(&*notice) : nullptr;
    look = event == nullptr;  // what was before a snapshot is not told as events
    if (event != nullptr && event->kind == "container" && event->object == name &&
        event->what == to_string(Status::stopped)) {
      return exit_from_json(json::Value(event->data).at("exit"));
    }
    if (event != nullptr && event->kind == "container" && event->object == name &&
        event->what == to_string(Status::gone)) {
      return fail(Code::not_found, "container {} was deleted", name);
    }
  }
}

Result<> pass_on(messaging::Client& client, const std::string& name, int signal,
                 const system::Stop& stop) {
  JobRequest request = TRY(make_request(Verb::container_kill, name, {}));
  request.options.signal = signal;
  constexpr std::chrono::seconds kSubmitTime{60};
  TRY(client.submit(request, client.in(kSubmitTime), stop));
  return {};
}

/// Prints and passes on until the end; true when the detach keys were typed, `cancelled` on
/// `interrupt`.
Result<bool> talk(Session& session, messaging::Client& client, const AttachOptions& options,
                  const system::Stop& interrupt, std::uint64_t& offset) {
  if (!options.input && !options.terminal) {
    TRY(copy_until_end(client, options.name, interrupt, offset));
    return false;
  }
  const std::unique_ptr<InputPump> pump = TRY(InputPump::start(session, interrupt,
                                                               {.node = client.target(),
                                                                .of_job = false,
                                                                .object = options.name,
                                                                .input = options.input,
                                                                .terminal = options.terminal,
                                                                .keys = options.keys}));
  Result<> copied = copy_until_end(client, options.name, pump->leave(), offset);
  pump->end();
  if (pump->error()) {
    return Failure(*pump->error());
  }
  if (pump->detached()) {
    return true;
  }
  TRY(std::move(copied));
  return false;
}

Result<> on_interrupt(Session& session, messaging::Client& client, const AttachOptions& options) {
  const int signal = session.interrupt.signal();
  if (options.on_interrupt == OnInterrupt::leave || signal == SIGHUP) {
    return fail(Code::cancelled, "container {} runs on", options.name);
  }
  if (options.on_interrupt == OnInterrupt::stop) {
    return stop_container(session, client, options.name);
  }
  return pass_on(client, options.name, signal, session.interrupt.second());
}

}  // namespace

Result<std::optional<int>> attach(Session& session, messaging::Client& client,
                                  messaging::Subscription& events, const AttachOptions& options) {
  const system::Stop* stop = &session.interrupt.first();
  // Before the container is given anything: it may answer at once.
  std::uint64_t offset = 0;
  if (options.from_now) {
    offset = TRY(end_of_log(client, options.name, *stop));
  }
  Result<bool> left = talk(session, client, options, *stop, offset);
  if (!left && left.error().code == Code::cancelled && stop->requested()) {
    TRY(on_interrupt(session, client, options));
    stop = &session.interrupt.second();
    left = talk(session, client, options, *stop, offset);
  }
  if (TRY(std::move(left))) {
    return std::optional<int>();
  }
  const Exit exit = TRY(await_end(client, events, options.name, *stop));
  return std::optional(TRY(code_of(options.name, exit)));
}

}  // namespace drover::cli
