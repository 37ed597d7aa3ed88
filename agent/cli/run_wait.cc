#include "agent/cli/run_wait.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "agent/cli/job_flags.h"
#include "agent/cli/job_run.h"
#include "agent/cli/job_watch.h"
#include "agent/cli/log_follow.h"
#include "agent/core/container_status.h"

namespace drover::cli {
namespace {

/// Waits until the container has ended.
Result<Exit> wait_for_exit(messaging::Client& client, messaging::Subscription& events,
                           const std::string& name, const system::Stop& stop) {
  for (;;) {
    const json::Value container = TRY(client.container(name, stop));
    if (has_stopped_for_good(container)) {
      return exit_from_json(container.at("exit"));
    }
    TRY(await_change(client, events, name, stop));
  }
}

}  // namespace

Result<> stop_container(Session& session, messaging::Client& client, const std::string& name) {
  fmt::print(stderr, "drover: stopping {} (Ctrl-C again leaves it running)\n", name);
  const JobRequest request = TRY(make_request(Verb::container_stop, name, {}));
  constexpr std::chrono::seconds kSubmitTime{60};
  TRY(client.submit(request, client.in(kSubmitTime), session.interrupt.second()));
  return {};
}

Result<int> code_of(const std::string& name, const Exit& exit) {
  if (!exit.code) {
    return fail(Code::broken, "container {}: {}", name, to_text(exit));
  }
  if (exit.oom) {
    fmt::print(stderr, "drover: container {}: {}\n", name, to_text(exit));
  }
  return *exit.code;
}

Result<int> wait_for_container(Session& session, messaging::Client& client,
                               messaging::Subscription& events, const std::string& name) {
  const system::Stop* stop = &session.interrupt.first();
  std::uint64_t offset = 0;
  Result<> copied = follow_log(client, events, name, *stop, false, offset);
  if (!copied && copied.error().code == Code::cancelled) {
    stop = &session.interrupt.second();
    TRY(stop_container(session, client, name));
    copied = follow_log(client, events, name, *stop, false, offset);
  }
  TRY(std::move(copied));
  const Exit exit = TRY(wait_for_exit(client, events, name, *stop));
  return code_of(name, exit);
}

Result<> remove_container(Session& session, messaging::Client& client, const std::string& name) {
  JobRequest request = TRY(make_request(Verb::container_delete, name, {}));
  request.options.force = true;
  JobWatch watch = TRY(JobWatch::submit(session, client, request, true));
  const json::Value job = TRY(watch.wait());
  return outcome_of(job).context("delete " + name);
}

}  // namespace drover::cli
