// drover exec: runs a program in a container.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/input_pump.h"
#include "agent/cli/job_run.h"
#include "agent/cli/job_watch.h"
#include "agent/cli/log_copy.h"
#include "agent/cli/spec_options.h"

namespace drover::cli {
namespace {

struct ExecOptions {
  std::string name;
  std::vector<std::string> command;
  std::vector<std::string> env;
  std::string cwd;
  std::string user;
  InputFlags input;
  DetachKeys keys;
  JobFlags flags;
};

Result<JobRequest> request_of(const ExecOptions& options) {
  JobRequest request = TRY(make_request(Verb::container_exec, options.name, options.flags));
  request.options.command = options.command;
  // Behind NAME everything belongs to the program, so the parser leaves a "--" where it is.
  if (request.options.command.front() == "--") {
    request.options.command.erase(request.options.command.begin());
  }
  if (request.options.command.empty()) {
    return fail(Code::invalid, "exec: names no program");
  }
  request.options.cwd = options.cwd;
  request.options.user = options.user;
  request.options.env = TRY(read_pairs("--env", options.env));
  request.options.input = options.input.input;
  if (options.input.terminal) {
    request.options.terminal = terminal_size();
    add_terminal_kind(request.options.env);
  }
  TRY(check_request(request));
  return request;
}

/// Prints the job's output while it runs. Whatever requests `stop` ends only the printing.
Result<> print_output(messaging::Client& client, const std::string& id, const system::Stop& stop) {
  messaging::Stream stream = TRY(messaging::Stream::job_log(client, id, {.follow = true}));
  LogCopyOptions copy;
  copy.complete = [&]() -> Result<bool> {
    const json::Value job = TRY(client.job(id, stop));
    return job.at("ended_at").integer_or(0) != 0;
  };
  Result<> copied = copy_log(client, stream, stop, copy);
  if (!copied && copied.error().code == Code::cancelled) {
    return {};
  }
  return copied;
}

/// The same, and gives it its input and the terminal; false when it was left running.
Result<bool> talk(Session& session, messaging::Client& client, const ExecOptions& options,
                  JobWatch& watch, const std::string& id) {
  const std::unique_ptr<InputPump> pump = TRY(InputPump::start(session, session.interrupt.first(),
                                                               {.node = client.target(),
                                                                .of_job = true,
                                                                .object = id,
                                                                .input = options.input.input,
                                                                .terminal = options.input.terminal,
                                                                .keys = options.keys}));
  Result<> printed = print_output(client, id, pump->leave());
  pump->end();
  if (pump->error()) {
    print_error(*pump->error());
    TRY(watch.cancel());
    return true;
  }
  TRY(std::move(printed));
  return !pump->detached();
}

/// The job as it has ended; none when it was left running.
Result<std::optional<json::Value>> run(Session& session, const ExecOptions& options,
                                       const JobRequest& request) {
  const std::string id = request.id.str();
  messaging::Client client = TRY(session.connect_to(request.target));
  JobWatch watch = TRY(JobWatch::submit(session, client, request, true));
  if (options.input.input || options.input.terminal) {
    const bool goes_on = TRY(talk(session, client, options, watch, id));
    if (!goes_on) {
      return std::optional<json::Value>();
    }
  } else {
    // Whoever waits for the job then cancels it.
    TRY(print_output(client, id, session.interrupt.first()));
  }
  return std::optional(TRY(watch.wait()));
}

int exec(Session& session, ExecOptions& options) {
  Result<DetachKeys> keys = check_input(options.input);
  const Result<JobRequest> request = request_of(options);
  if (!keys || !request) {
    return wrong_usage(keys ? request.error() : keys.error(), kOwnFailure);
  }
  options.keys = std::move(*keys);
  const Result<std::optional<json::Value>> job = run(session, options, *request);
  if (!job) {
    print_error(job.error());
    return exit_code_beside_program(job.error());
  }
  if (!*job) {
    fmt::print(stderr, "drover: detached; job {} runs on\n", request->id.str());
    return kDone;
  }
  if (const Result<> outcome = outcome_of(**job); !outcome) {
    return failed_job(outcome.error(), session.interrupt.first(), kOwnFailure);
  }
  return static_cast<int>((*job)->at("result").at("code").integer_or(kOwnFailure));
}

}  // namespace

void add_exec(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("exec", "Run a program in a running container and print its output");
  const auto options = std::make_shared<ExecOptions>();
  command->positionals_at_end();
  command->add_option("NAME", options->name, "The container")->required();
  command->add_option("CMD", options->command, "The program and its arguments")->required();
  command->add_option("-e,--env", options->env, "Environment of the program; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command->add_option("-w,--workdir", options->cwd, "Its working folder")->type_name("PATH");
  command->add_option("-u,--user", options->user, "Who it is, as uid[:gid] or a name in the image")
      ->type_name("USER");
  add_input_flags(*command, options->input);
  add_job_flags(*command, options->flags);
  command->footer(
      "Without -i the program reads nothing. With -i and -t its terminal is ours: Ctrl-C is a key\n"
      "that it is sent. Without -t Ctrl-C cancels the job, which ends the program.\n\n"
      "Examples:\n"
      "  drover exec -it web -- sh\n"
      "  tar c . | drover exec -i web -- tar x -C /srv\n\n"
      "Exit status:\n"
      "  The program's own, 128 + N when signal N ended it; 124 the deadline passed, 125 it was\n"
      "  not run, also for wrong usage, 130 interrupted\n");
  command->callback([&action, options] {
    action = [options](Session& session) -> Result<int> { return exec(session, *options); };
  });
}

}  // namespace drover::cli
