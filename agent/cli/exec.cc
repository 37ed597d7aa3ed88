// drover exec: runs a program in a container.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
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
  request.options.env = TRY(read_pairs("--env", options.env));
  TRY(check_request(request));
  return request;
}

/// Prints the job's output while it runs. Ctrl-C ends only the printing: whoever waits for the job
/// then cancels it.
Result<> print_output(Session& session, messaging::Client& client, const std::string& id) {
  messaging::Stream stream = TRY(messaging::Stream::job_log(client, id, {.follow = true}));
  LogCopyOptions copy;
  copy.complete = [&]() -> Result<bool> {
    const json::Value job = TRY(client.job(id, session.interrupt.first()));
    return job.at("ended_at").integer_or(0) != 0;
  };
  Result<> copied = copy_log(client, stream, session.interrupt.first(), copy);
  if (!copied && copied.error().code == Code::cancelled) {
    return {};
  }
  return copied;
}

Result<json::Value> run(Session& session, const JobRequest& request) {
  messaging::Client client = TRY(session.connect());
  JobWatch watch = TRY(JobWatch::submit(session, client, request, true));
  TRY(print_output(session, client, request.id.str()));
  return watch.wait();
}

int exec(Session& session, const ExecOptions& options) {
  const Result<JobRequest> request = request_of(options);
  if (!request) {
    return wrong_usage(request.error(), kOwnFailure);
  }
  const Result<json::Value> job = run(session, *request);
  if (!job) {
    print_error(job.error());
    return exit_code_beside_program(job.error());
  }
  if (const Result<> outcome = outcome_of(*job); !outcome) {
    return failed_job(outcome.error(), session.interrupt.first(), kOwnFailure);
  }
  return static_cast<int>(job->at("result").at("code").integer_or(kOwnFailure));
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
  add_job_flags(*command, options->flags);
  command->footer(
      "The program gets no standard input.\n\n"
      "Exit status:\n"
      "  The program's own, 128 + N when signal N ended it; 124 the deadline passed, 125 it was\n"
      "  not run, also for wrong usage, 130 interrupted\n");
  command->callback([&action, options] {
    action = [options](Session& session) -> Result<int> { return exec(session, *options); };
  });
}

}  // namespace drover::cli
