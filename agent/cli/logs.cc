// drover logs: what a container printed.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/log_copy.h"
#include "agent/cli/log_follow.h"
#include "agent/cli/moment.h"
#include "agent/core/container_status.h"
#include "agent/core/verb.h"
#include "messaging/client/stream.h"

namespace drover::cli {
namespace {

struct LogsOptions {
  std::string name;
  bool follow = false;
  bool times = false;
  std::int64_t tail = -1;  // all
  std::string since;
  std::string until;
};

Result<LogStart> start_of(const LogsOptions& options, std::int64_t now_unix_ms) {
  LogStart start;
  if (options.tail >= 0) {
    start.tail = static_cast<std::uint64_t>(options.tail);
  }
  if (!options.since.empty()) {
    start.since_unix_ms = TRY(moment_from(options.since, now_unix_ms).context("--since"));
  }
  return start;
}

Result<std::optional<std::int64_t>> end_of(const LogsOptions& options, std::int64_t now_unix_ms) {
  if (options.until.empty()) {
    return std::optional<std::int64_t>();
  }
  return std::optional(TRY(moment_from(options.until, now_unix_ms).context("--until")));
}

Result<int> follow(messaging::Client& client, const LogsOptions& options, const LogStart& start,
                   const system::Stop& stop) {
  messaging::Subscription events =
      TRY(messaging::Subscription::open(client, {.snapshot = {}}, stop));
  std::uint64_t offset = 0;
  const Result<> copied =
      follow_log(client, events, options.name, stop, options.times, offset, start);
  // Deleted meanwhile: there was all that it printed.
  return copied || copied.error().code == Code::not_found ? Result<int>(kDone)
                                                          : Failure(copied.error());
}

Result<int> show_logs(Session& session, const LogsOptions& options) {
  if (const Result<> checked = check_target(TargetKind::container, options.name); !checked) {
    return wrong_usage(checked.error());
  }
  const std::int64_t now = system::SystemClock().unix_ms();
  const Result<LogStart> start = start_of(options, now);
  const Result<std::optional<std::int64_t>> until = end_of(options, now);
  if (!start || !until) {
    return wrong_usage(!start ? start.error() : until.error());
  }
  messaging::Client client = TRY(session.connect_to(options.name));
  const system::Stop& stop = session.interrupt.first();
  // A name that does not exist is an error; one that printed nothing is not.
  const json::Value container = TRY(client.container_or_deleted(options.name, stop));
  const bool is_gone = status_from(container.at("status").string_or("")) == Status::gone;
  if (options.follow && !is_gone) {
    return follow(client, options, *start, stop);
  }
  messaging::StreamOptions from;
  from.tail = start->tail;
  from.since_unix_ms = start->since_unix_ms;
  messaging::Stream stream = TRY(messaging::Stream::container_log(client, options.name, from));
  TRY(copy_log(client, stream, stop, {.times = options.times, .until_unix_ms = *until}));
  return kDone;
}

}  // namespace

void add_logs(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "logs", "Print what a container printed, also one that was deleted not long ago");
  const auto options = std::make_shared<LogsOptions>();
  command->add_option("NAME", options->name, "The container")->required();
  CLI::Option* follow =
      command->add_flag("-f,--follow", options->follow,
                        "Go on until it has stopped for good, also over its restarts");
  command->add_option("-n,--tail", options->tail, "Begin with the last N lines of what there is")
      ->type_name("N")
      ->check(CLI::Range(0, 10'000));
  command
      ->add_option("--since", options->since,
                   "Nothing older than a time (2026-11-24T14:03:05Z), or than so long ago (10m)")
      ->type_name("TIME");
  command->add_option("--until", options->until, "Nothing younger than such a time")
      ->type_name("TIME")
      ->excludes(follow);
  command->add_flag("-t,--times", options->times,
                    "The time in front of each line; what a guest of Proxmox prints has none");
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) {
      return quiet_when_interrupted(show_logs(session, *options), session.interrupt.first());
    };
  });
}

}  // namespace drover::cli
