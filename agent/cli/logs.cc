// drover logs: what a container printed.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/log_copy.h"
#include "agent/cli/log_follow.h"
#include "agent/core/container_status.h"
#include "agent/core/verb.h"
#include "messaging/client/stream.h"

namespace drover::cli {
namespace {

struct LogsOptions {
  std::string name;
  bool follow = false;
  bool times = false;
};

Result<int> follow(messaging::Client& client, const LogsOptions& options,
                   const system::Stop& stop) {
  messaging::Subscription events = TRY(messaging::Subscription::open(client, {}, stop));
  std::uint64_t offset = 0;
  const Result<> copied = follow_log(client, events, options.name, stop, options.times, offset);
  // Deleted meanwhile: there was all that it printed.
  return copied || copied.error().code == Code::not_found ? Result<int>(kDone)
                                                          : Failure(copied.error());
}

Result<int> show_logs(Session& session, const LogsOptions& options) {
  if (const Result<> checked = check_target(TargetKind::container, options.name); !checked) {
    return wrong_usage(checked.error());
  }
  messaging::Client client = TRY(session.connect());
  const system::Stop& stop = session.interrupt.first();
  // A name that does not exist is an error; one that printed nothing is not.
  const json::Value container = TRY(client.container_or_deleted(options.name, stop));
  const bool is_gone = status_from(container.at("status").string_or("")) == Status::gone;
  if (options.follow && !is_gone) {
    return follow(client, options, stop);
  }
  messaging::Stream stream = TRY(messaging::Stream::container_log(client, options.name, {}));
  TRY(copy_log(client, stream, stop, {.times = options.times}));
  return kDone;
}

}  // namespace

void add_logs(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "logs", "Print what a container printed, also one that was deleted not long ago");
  const auto options = std::make_shared<LogsOptions>();
  command->add_option("NAME", options->name, "The container")->required();
  command->add_flag("-f,--follow", options->follow,
                    "Go on until it has stopped for good, also over its restarts");
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
