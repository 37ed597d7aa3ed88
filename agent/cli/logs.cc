// drover logs: what a container printed.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/log_copy.h"

namespace drover::cli {
namespace {

struct LogsOptions {
  std::string name;
  bool follow = false;
  bool times = false;
};

Result<int> show_logs(Session& session, const LogsOptions& options) {
  messaging::Client client = TRY(session.connect());
  const system::Stop& stop = session.interrupt.first();
  // A name that does not exist is an error; one that printed nothing is not.
  TRY(client.container_or_deleted(options.name, stop));
  messaging::Stream stream =
      TRY(messaging::Stream::container_log(client, options.name, {.follow = options.follow}));
  const auto copied = copy_log(client, stream, stop, {.times = options.times});
  return quiet_when_interrupted(copied ? Result<int>(kDone) : Failure(copied.error()), stop);
}

}  // namespace

void add_logs(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "logs", "Print what a container printed, also one that was deleted not long ago");
  const auto options = std::make_shared<LogsOptions>();
  command->add_option("NAME", options->name, "The container")->required();
  command->add_flag("-f,--follow", options->follow, "Go on until the container has stopped");
  command->add_flag("-t,--times", options->times, "The time in front of each line");
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return show_logs(session, *options); };
  });
}

}  // namespace drover::cli
